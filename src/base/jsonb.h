// What PostgreSQL's type jsonb makes of a JSON value: https://www.postgresql.org/docs/15/datatype-json.html
//
// jsonb prints members ordered by the length of their names, then by their bytes, with a blank after each colon and
// comma; numbers in plain notation, with the fraction digits they were written with; of escapes only those that JSON
// needs. So what a client sends in few characters may be stored in many: 1e64 as 65 digits.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ledgerline::json {

// Bounds of a value that is stored. They hold for what is stored, not for what was sent.
struct JsonbLimits {
    std::size_t bytes_max = 16'384;  // of the text that jsonb prints
    std::size_t depth_max = 16;      // of nested arrays and objects, the value itself included
    std::size_t digits_max = 40;     // of one number in plain notation, on both sides of the point
};

// The text that jsonb prints for value, byte for byte: to store it and to read it back gives the same. The error is a
// refusal; its message names the rule that is broken, to be read after the field's name: "must not be nested ...".
Result<std::string> to_jsonb(const Value& value, const JsonbLimits& limits = {});

// number in plain notation; nothing when that takes more than digits_max digits.
std::optional<std::string> to_plain(const Number& number, std::size_t digits_max);

// Whether two texts that to_jsonb() made are the same to jsonb, to which 1.0 is 1.
bool is_same_jsonb(std::string_view a, std::string_view b);

}  // namespace ledgerline::json
