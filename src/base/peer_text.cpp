#include "base/peer_text.h"

#include "base/utf8.h"

namespace ledgerline {

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

}  // namespace ledgerline
