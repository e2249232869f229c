// peer_text: makes text sent by another program fit for logs, JSON, problem documents and text columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ledgerline {

// How much of one field of a peer's message is kept.
inline constexpr std::size_t peer_text_bytes_max = 1000;

// The text on one line: valid UTF-8 of at most bytes_max bytes, without control characters or surrounding blanks. Bytes
// that are not UTF-8 become '?', control characters become blanks, and "..." marks a truncated text.
std::string peer_text(std::string_view text, std::size_t bytes_max = peer_text_bytes_max);
// The same for a C string; "" for null, which is how C libraries represent an absent field.
std::string peer_text(const char* text, std::size_t bytes_max = peer_text_bytes_max);

}  // namespace ledgerline
