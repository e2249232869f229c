// How --help is laid out.
#pragma once

#include <memory>

namespace CLI {
class FormatterBase;
}

namespace ledgerline::cli {

std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace ledgerline::cli
