// UTF-8 as defined by RFC 3629: no surrogates, no overlong forms, nothing beyond U+10FFFF.
#pragma once

#include <string_view>

namespace ledgerline {

// The length of the code point that begins at `at`; 0 where the text is not valid.
std::size_t utf8_length(std::string_view text, std::size_t at);
// The code point of this one complete, valid sequence.
char32_t utf8_code_point(std::string_view sequence);
bool is_utf8(std::string_view text);

}  // namespace ledgerline
