#include "base/peer_text.h"

namespace ledgerline {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The length of the UTF-8 sequence (RFC 3629) that text begins with; 0 when it begins with none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    std::size_t length = 0;
    if (byte(0) < 0x80) return 1;
    if (byte(0) >= 0xc2 && byte(0) <= 0xdf) length = 2;
    if (byte(0) >= 0xe0 && byte(0) <= 0xef) length = 3;
    if (byte(0) >= 0xf0 && byte(0) <= 0xf4) length = 4;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if (!is_continuation(text[i])) return 0;
    const bool overlong = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
    const bool surrogate = byte(0) == 0xed && byte(1) > 0x9f;
    const bool too_large = byte(0) == 0xf4 && byte(1) > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

std::string peer_text(std::string_view text, std::size_t bytes_max) {
    constexpr std::string_view kCut = "...";
    const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    std::string out;
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
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

}  // namespace ledgerline
