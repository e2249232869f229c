// Strict JSON (RFC 8259), stricter than most parsers where money is at stake:
//   - a member name that occurs twice in one object is an error, at any depth;
//   - numbers keep the digits they were written with: 1.0 and 1e2 remain distinguishable from 1 and 100, and nothing is
//   rounded (only an exponent of ten or more digits becomes nine nines where the parser knows no such number);
//   - text that is not valid UTF-8, and strings with U+0000 (which PostgreSQL cannot store), are errors;
//   - depth is limited. Code that stores numbers and texts limits their contents (base/jsonb.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ledgerline::json {

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;
using Object = std::vector<Member>;  // in text order; names are distinct

// A number as it was written; always valid JSON.
struct Number {
    std::string text;
};

class Value {
public:
    Value() = default;  // null
    Value(bool value) : data_(value) {}
    Value(Number value) : data_(std::move(value)) {}
    Value(std::int64_t value) : data_(Number{std::to_string(value)}) {}
    Value(int value) : Value(static_cast<std::int64_t>(value)) {}
    Value(std::string value) : data_(std::move(value)) {}
    Value(std::string_view value) : data_(std::string(value)) {}
    Value(const char* value) : data_(std::string(value)) {}
    Value(Array value) : data_(std::move(value)) {}
    Value(Object value) : data_(std::move(value)) {}

    bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
    // Each returns null when the value has another type.
    const bool* if_bool() const { return std::get_if<bool>(&data_); }
    const Number* if_number() const { return std::get_if<Number>(&data_); }
    const std::string* if_string() const { return std::get_if<std::string>(&data_); }
    const Array* if_array() const { return std::get_if<Array>(&data_); }
    Array* if_array() { return std::get_if<Array>(&data_); }
    const Object* if_object() const { return std::get_if<Object>(&data_); }
    Object* if_object() { return std::get_if<Object>(&data_); }

    // The value of an integer written as one (no fraction, no exponent) that fits; nothing otherwise.
    std::optional<std::int64_t> if_int64() const;
    // The member with that name; null when there is none or this is not an object.
    const Value* find(std::string_view name) const;

private:
    std::variant<std::monostate, bool, Number, std::string, Array, Object> data_;
};

// Of nested arrays and objects. Far deeper than any of our fields may be, so that a field that is nested too deeply can
// be named in its error, and whatever an earlier version stored can still be read.
inline constexpr std::size_t depth_max = 256;

// Parses one JSON text. The error's code is "invalid_json"; its message gives the rule, the byte, and the path of the
// offending member, such as "transactions[3].metadata.a", truncated when it is long.
Result<Value> parse(std::string_view text);

// Compact text: members in their order, numbers as they were written.
std::string serialize(const Value& value);
void serialize(const Value& value, std::string& out);
// Appends text as a JSON string, with its quotes.
void append_quoted(std::string_view text, std::string& out);

// Whether both are the same JSON value: member order and how a number is written (1, 1.0, 10e-1) do not matter. Agrees
// with PostgreSQL's jsonb equality.
bool equivalent(const Value& a, const Value& b);

}  // namespace ledgerline::json
