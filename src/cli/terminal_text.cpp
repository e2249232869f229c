#include "cli/terminal_text.h"

namespace ledgerline::cli {

void say(const roles::Environment& environment, std::string_view message) {
    environment.err << printable(message) << '\n';
}

}  // namespace ledgerline::cli
