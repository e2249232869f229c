// peer_text: what another program sent, made fit for logs, JSON, problems and columns of text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ledgerline {

// How much of one field of a peer's message is kept.
inline constexpr std::size_t peer_text_bytes_max = 1000;

// The text on one line: valid UTF-8 of at most bytes_max bytes, without control characters and blanks around it. Bytes
// that are not UTF-8 become '?', control characters become blanks, and what is cut off is shown by "...".
std::string peer_text(std::string_view text, std::size_t bytes_max = peer_text_bytes_max);
// The same of a C string; "" for null, which is how C libraries give a field that is absent.
std::string peer_text(const char* text, std::size_t bytes_max = peer_text_bytes_max);

}  // namespace ledgerline
