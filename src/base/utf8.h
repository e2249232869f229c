// UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, nothing beyond U+10FFFF.
#pragma once

#include <string_view>

namespace ledgerline {

// The length of the code point that begins at `at`; 0 where the text is not valid.
std::size_t utf8_length(std::string_view text, std::size_t at);
// The code point that is this whole, valid sequence.
char32_t utf8_code_point(std::string_view sequence);
bool is_utf8(std::string_view text);

}  // namespace ledgerline
