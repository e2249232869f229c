// The manual page, written from the definition of the commands.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace ledgerline::cli {

// In the language of man(7). version: as it stands in the page's footer.
std::string man_page(const CLI::App& root, const std::string& version);

}  // namespace ledgerline::cli
