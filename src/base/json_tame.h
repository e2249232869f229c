// Brings a JSON text within the limits of a parser without changing what our own, lower limits say of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ledgerline::json {

// The text with an exponent of more than nine digits written as nine nines, and with null for each container that lies
// deeper than depth_max levels. Linear, without recursion, for any text; what is not JSON outside such a container is
// not JSON afterwards.
std::string tame(std::string_view text, std::size_t depth_max);

}  // namespace ledgerline::json
