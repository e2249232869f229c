// What PostgreSQL's type jsonb makes of a JSON value: https://www.postgresql.org/docs/15/datatype-json.html
//
// jsonb prints members ordered by the length of their names, then by their bytes, with a space after each colon and
// comma; numbers in plain notation, with the fraction digits they were written with; and only those escapes that JSON
// requires. So a value that a client sends in few characters may be stored in many: 1e64 as 65 digits.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ledgerline::json {

// Limits of a stored value. They apply to what is stored, not to what was sent.
struct JsonbLimits {
    std::size_t bytes_max = 16'384;  // of the text that jsonb prints
    std::size_t depth_max = 16;      // of nested arrays and objects, the value itself included
    std::size_t digits_max = 40;     // of one number in plain notation, on both sides of the point
};

// The text that jsonb prints for value, byte for byte: storing it and reading it back gives the same text. The error is
// a refusal; its message states the broken rule and reads on from the field's name: "must not be nested ...".
Result<std::string> to_jsonb(const Value& value, const JsonbLimits& limits = {});

// The number in plain notation; nothing when that takes more than digits_max digits.
std::optional<std::string> to_plain(const Number& number, std::size_t digits_max);

// Whether jsonb considers two texts made by to_jsonb() equal; 1.0 equals 1.
bool is_same_jsonb(std::string_view a, std::string_view b);

}  // namespace ledgerline::json
