// Hex: bytes as text, two digits each, in lower case. In constant time, so that it may be used on secrets.
#pragma once

#include <span>
#include <string>

namespace ledgerline {

std::string hex_of(std::span<const unsigned char> bytes);

}  // namespace ledgerline
