#include "cli/help_text.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <string>

namespace ledgerline::cli {
namespace {

constexpr std::size_t kHelpColumn = 34;
constexpr std::size_t kHelpWidth = 76;  // of the right column

std::string wrapped(const std::string& text, std::size_t width) {
    std::string out;
    std::size_t line = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (line > 0 && line + 1 + (end - at) > width) out += '\n', line = 0;
        if (line > 0) out += ' ', ++line;
        out.append(text, at, end - at);
        line += end - at;
        at = end + 1;
    }
    return out;
}

class HelpFormatter final : public CLI::Formatter {
public:
    HelpFormatter() {
        column_width(kHelpColumn);
        label("OPTIONS", "options");
        label("SUBCOMMAND", "command");
        label("SUBCOMMANDS", "command");
        label("Positionals", "Arguments");
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_option_text().empty() ? "" : " " + option->get_option_text();
    }
    std::string make_option_desc(const CLI::Option* option) const override {
        return wrapped(option->get_description(), kHelpWidth);
    }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace ledgerline::cli
