// Brings a JSON text within a parser's limits without changing the verdict of our own, lower limits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ledgerline::json {

// Returns the text with every exponent of more than nine digits replaced by nine nines, and every container deeper than
// depth_max levels replaced by null. Linear and without recursion for any text. What is invalid JSON outside such a
// container stays invalid.
std::string tame(std::string_view text, std::size_t depth_max);

}  // namespace ledgerline::json
