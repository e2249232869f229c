#include "base/json_tame.h"

#include <algorithm>

namespace ledgerline::json {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kGreatestExponent = "999999999";

bool opens(char c) { return c == '[' || c == '{'; }
bool closes(char c) { return c == ']' || c == '}'; }

// One past the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
    while ((at = text.find_first_of("\"\\", at + 1)) != std::string_view::npos) {
        if (text[at] == '"') return at + 1;
        ++at;
    }
    return text.size();
}

// One past the container that begins at `at`.
std::size_t end_of_container(std::string_view text, std::size_t at) {
    for (std::size_t depth = 0; at < text.size();) {
        if (text[at] == '"') {
            at = end_of_string(text, at);
            continue;
        }
        if (opens(text[at])) ++depth;
        if (closes(text[at++]) && --depth == 0) return at;
    }
    return text.size();
}

// Where the digits of the exponent begin whose e is at `at`; npos when it is not an exponent, as in "true".
std::size_t exponent_digits(std::string_view text, std::size_t at) {
    if (at == 0 || !kDigits.contains(text[at - 1])) return std::string_view::npos;
    std::size_t digits = at + 1;
    if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) ++digits;
    return digits;
}

}  // namespace

std::string tame(std::string_view text, std::size_t depth_max) {
    std::string tamed;
    tamed.reserve(text.size());
    for (std::size_t at = 0, depth = 0; at < text.size();) {
        const char c = text[at];
        std::size_t end = at + 1;
        if (c == '"') {
            end = end_of_string(text, at);
        } else if (opens(c) && depth == depth_max) {
            at = end_of_container(text, at);
            tamed += "null";
            continue;
        } else if (c == 'e' || c == 'E') {
            if (const std::size_t digits = exponent_digits(text, at); digits != std::string_view::npos) {
                const std::size_t behind = std::min(text.find_first_not_of(kDigits, digits), text.size());
                tamed += text.substr(at, digits - at);
                tamed += behind - digits > kGreatestExponent.size() ? kGreatestExponent
                                                                    : text.substr(digits, behind - digits);
                at = behind;
                continue;
            }
        }
        depth += opens(c);
        depth -= closes(c) && depth > 0;
        tamed += text.substr(at, end - at);
        at = end;
    }
    return tamed;
}

}  // namespace ledgerline::json
