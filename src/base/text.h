// Text: character classes and small helpers, UTF-8, and what makes text from outside safe to keep and to show.
//
// All of it looks at ASCII and UTF-8 only, whatever the locale.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerline {

// --- Character classes and helpers, as in RFC 9110, section 5.6 ---

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The value of a hexadecimal digit, -1 for anything else.
constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Whether text has a byte below least, or DEL.
constexpr bool has_byte_below(std::string_view text, unsigned char least) {
    return std::ranges::any_of(
        text, [&](char c) { return static_cast<unsigned char>(c) < least || static_cast<unsigned char>(c) == 0x7f; });
}

// Whether text consists only of visible ASCII characters: no spaces, no controls, nothing above 0x7e.
constexpr bool is_visible_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

constexpr bool is_token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() &&
           std::ranges::all_of(text, [&](char c) { return is_digit(c) || is_letter(c) || marks.contains(c); });
}

// text without the spaces and tabs at both ends.
constexpr std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

// The decimal integer that text is: digits only, after a minus if Integer is signed. Nothing for any other text, and
// for one that does not fit.
template <std::integral Integer>
constexpr std::optional<Integer> parse_integer(std::string_view text) {
    Integer number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end) return std::nullopt;
    return number;
}

// The port, 1 to 65535, that text names; nothing for any other text.
constexpr std::optional<std::uint16_t> parse_port(std::string_view text) {
    const auto port = parse_integer<std::uint16_t>(text);
    return port == 0 ? std::nullopt : port;
}

inline std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), to_lower);
    return result;
}

// --- UTF-8 as defined by RFC 3629: no surrogates, no overlong forms, nothing beyond U+10FFFF ---

// The length of the code point that begins at `at`; 0 where the text is not valid.
std::size_t utf8_length(std::string_view text, std::size_t at);
// The code point of this one complete, valid sequence.
char32_t utf8_code_point(std::string_view sequence);
bool is_utf8(std::string_view text);

// --- Text from outside ---

// How much of one field of a peer's message is kept.
inline constexpr std::size_t peer_text_bytes_max = 1000;

// Text sent by another program, made fit for logs, JSON, problem documents and text columns: one line of valid UTF-8 of
// at most bytes_max bytes, without control characters or surrounding blanks. Bytes
// that are not UTF-8 become '?', control characters become blanks, and "..." marks a truncated text.
std::string peer_text(std::string_view text, std::size_t bytes_max = peer_text_bytes_max);
// The same for a C string; "" for null, which is how C libraries represent an absent field.
std::string peer_text(const char* text, std::size_t bytes_max = peer_text_bytes_max);

// Text (a name, a payload, a line of a file) made safe to show on a terminal, on one line. Escapes what controls a
// terminal or reorders text: the control characters C0, DEL and C1 (ECMA-48), the bidirectional controls (Unicode,
// UAX #9) and the line and paragraph separators. They become \n, \r, \t or \u001b, bytes that are not UTF-8 \x9b. A
// backslash is not escaped.
std::string printable(std::string_view text);
// The same for valid JSON without line breaks; the result is valid and means the same.
std::string printable_json(std::string_view json);

}  // namespace ledgerline
