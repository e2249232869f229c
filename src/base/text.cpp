#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

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
    const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
    for (std::size_t at = 0; at < text.size();) {
        const auto plain = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_plain);
        const auto end = static_cast<std::size_t>(plain - text.begin());
        shown += text.substr(at, end - at);
        at = end;
        if (at == text.size()) break;
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

std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i, unsigned least, unsigned most) {
        return byte(i) >= least && byte(i) <= most;
    };
    const unsigned first = byte(at);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(at + 1, 0x80, 0xBF) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned least = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned most = first == 0xED ? 0x9F : 0xBF;
        return follows(at + 1, least, most) && follows(at + 2, 0x80, 0xBF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned least = first == 0xF0 ? 0x90 : 0x80;
        const unsigned most = first == 0xF4 ? 0x8F : 0xBF;
        return follows(at + 1, least, most) && follows(at + 2, 0x80, 0xBF) && follows(at + 3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

char32_t utf8_code_point(std::string_view sequence) {
    constexpr unsigned char kFirstBits[] = {0x7F, 0x1F, 0x0F, 0x07};
    char32_t code_point = static_cast<unsigned char>(sequence[0]) & kFirstBits[sequence.size() - 1];
    for (const char c : sequence.substr(1)) code_point = code_point << 6 | (static_cast<unsigned char>(c) & 0x3F);
    return code_point;
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

std::string peer_text(std::string_view text, std::size_t bytes_max) {
    constexpr std::string_view kCut = "...";
    const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    std::string out;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text, 0);
        const std::size_t taken = length == 0 ? 1 : length;
        if (out.size() + taken > bytes_max) {
            out += kCut;
            return out;
        }
        if (length == 0)
            out += '?';
        else if (is_blank(text.front()))
            out += ' ';
        else
            out += text.substr(0, length);
        text.remove_prefix(taken);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::string peer_text(const char* text, std::size_t bytes_max) {
    return text ? peer_text(std::string_view(text), bytes_max) : std::string();
}

std::string printable(std::string_view text) {
    return escaped(text, [](unsigned char byte) { return fmt::format("\\x{:02x}", byte); });
}

// Everything escaped here is inside a JSON string, where \u009b is the same character.
std::string printable_json(std::string_view json) {
    return escaped(json, [](unsigned char) -> std::string { return "\\ufffd"; });
}

}  // namespace ledgerline
