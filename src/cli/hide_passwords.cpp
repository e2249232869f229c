#include "cli/hide_passwords.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace ledgerline::cli {
namespace {

constexpr char kHidden = 'x';
constexpr std::string_view kPasswordKey = "password=";

void hide(char* argument, std::size_t begin, std::size_t end) { std::fill(argument + begin, argument + end, kHidden); }

// The user part ends at the last @ before the path. A password may hold anything else.
void hide_in_authority(char* argument) {
    const std::string_view text = argument;
    const auto scheme = text.find("://");
    if (scheme == std::string_view::npos) return;
    const auto start = scheme + 3;
    const auto at = text.substr(start, text.find('/', start) - start).rfind('@');
    if (at == std::string_view::npos) return;
    const auto colon = text.substr(start, at).find(':');
    if (colon != std::string_view::npos) hide(argument, start + colon + 1, start + at);
}

// As a URL's parameter it ends at &, as libpq's key=value at a blank, or at the closing quote.
void hide_in_settings(char* argument) {
    const std::string_view text = argument;
    for (auto key = text.find(kPasswordKey); key != std::string_view::npos; key = text.find(kPasswordKey, key + 1)) {
        const auto begin = key + kPasswordKey.size();
        const bool quoted = begin < text.size() && text[begin] == '\'';
        const auto end = quoted ? text.find('\'', begin + 1) : text.find_first_of("& ", begin);
        hide(argument, begin, std::min(end, text.size()));
    }
}

}  // namespace

void hide_passwords(std::span<char*> arguments) {
    for (char* argument : arguments) {
        hide_in_authority(argument);
        hide_in_settings(argument);
    }
}

}  // namespace ledgerline::cli
