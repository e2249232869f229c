// Strict JSON (json.h) whose array elements are delivered one by one, for texts that would be too heavy as one tree.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ledgerline::json {

// One element of the array that parse_items() splits.
struct Item {
    // too_large: more than values_max values. too_deep: nested deeper than depth_max levels of the text.
    enum class Fault { none, too_large, too_deep };
    Value value;  // null when there is a fault
    Fault fault = Fault::none;
    std::string fault_in;  // the element's member that has it, "" when it is in none
};
// Called with each element as soon as it has been read. Returning false stops the parse.
using TakeItem = std::function<bool(Item)>;

// Parses an object and delivers the elements of its array `member` one by one, so that at most one of them is ever held
// as a tree: a tree takes up to fifty times the memory of its text. Returns the object, with that array empty.
//
// values_max: for one element, and for everything else together. Errors as in parse(), possibly after elements were
// delivered; "stopped" when take returned false.
Result<Value> parse_items(std::string_view text, std::string_view member, std::size_t values_max, const TakeItem& take);

}  // namespace ledgerline::json
