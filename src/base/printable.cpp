#include "base/printable.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace ledgerline {
namespace {

constexpr char32_t kArabicLetterMark = 0x061C;

constexpr bool between(char32_t code_point, char32_t least, char32_t most) {
    return code_point >= least && code_point <= most;
}

constexpr bool drives_terminal(char32_t code_point) {
    return code_point < 0x20 || between(code_point, 0x7F, 0x9F) || code_point == kArabicLetterMark ||
           between(code_point, 0x200E, 0x200F) ||  // left-to-right and right-to-left mark
           between(code_point, 0x2028, 0x202E) ||  // separators, embeddings, overrides
           between(code_point, 0x2066, 0x2069);    // isolates
}

std::string escape_of(char32_t code_point) {
    switch (code_point) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code_point));
    }
}

// invalid escapes a byte that is not UTF-8.
std::string escaped(std::string_view text, std::string (*invalid)(unsigned char)) {
    std::string shown;
    shown.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) {
            shown += invalid(static_cast<unsigned char>(text[at++]));
            continue;
        }
        const std::string_view sequence = text.substr(at, length);
        const char32_t code_point = utf8_code_point(sequence);
        if (drives_terminal(code_point))
            shown += escape_of(code_point);
        else
            shown += sequence;
        at += length;
    }
    return shown;
}

}  // namespace

std::string printable(std::string_view text) {
    return escaped(text, [](unsigned char byte) { return fmt::format("\\x{:02x}", byte); });
}

// Everything escaped here is inside a JSON string, where \u009b is the same character.
std::string printable_json(std::string_view json) {
    return escaped(json, [](unsigned char) -> std::string { return "\\ufffd"; });
}

}  // namespace ledgerline
