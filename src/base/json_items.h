// Strict JSON (json.h) whose elements are handed over one by one, for texts that would be too heavy as one tree.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ledgerline::json {

// One element of the array that parse_items() takes apart.
struct Item {
    Value value;  // null when it is too large
    // Of an element with more than values_max values: the member they stand in, "" where it is no member's.
    std::optional<std::string> too_large_in;
};
// Called with each element as soon as it has been read. False ends the parsing.
using TakeItem = std::function<bool(Item)>;

// Parses an object and hands over the elements of its array `member` one by one, so that no more than one of them is
// ever held as a tree: a tree takes up to fifty times the memory of its text. Gives the object, with that array empty.
//
// values_max: of one element, and of everything else together. Errors as of parse(), also when elements were handed
// over before; "stopped" when take returned false.
Result<Value> parse_items(std::string_view text, std::string_view member, std::size_t values_max, const TakeItem& take);

}  // namespace ledgerline::json
