// Finds what may be the number of a payment card (PAN) in a text.
#pragma once

#include <string_view>

namespace ledgerline {

// Whether text holds 13 to 19 digits, with single spaces or hyphens between them or not, that begin as cards' numbers
// do and end in the check digit that belongs to them (ISO/IEC 7812-1), with no letter or digit beside them. One number
// in ten that begins so and is no card's is taken for one.
bool holds_card_number(std::string_view text);

}  // namespace ledgerline
