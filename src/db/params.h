// Params: the values of one call for a statement's $1, $2, ...
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "db/statement.h"

namespace ledgerline::db {

// A value of type bytea.
struct Bytes {
    std::string bytes;
    bool operator==(const Bytes&) const = default;
};

// Parameters of one call, in order. Single values are sent in PostgreSQL's text form; arrays and bytea in its binary
// form (db/binary.h), which the server does not convert: the statement takes just that type, as in $1::uuid[].
class Params {
public:
    Params& add(std::string_view text);
    Params& add(const char* text) { return add(std::string_view(text)); }
    Params& add(const std::string& text) { return add(std::string_view(text)); }
    Params& add(std::int64_t number);
    Params& add(int number) { return add(static_cast<std::int64_t>(number)); }
    Params& add(bool boolean);
    Params& add(double number);
    Params& add(const Uuid& id);
    Params& add(WallTime time);
    Params& add_bytes(std::string_view bytes);  // bytea
    Params& add(const Bytes& bytes) { return add_bytes(bytes.bytes); }
    Params& add_null();
    template <class T>
    Params& add(const std::optional<T>& value) {
        return value ? add(*value) : add_null();
    }

    // Arrays, for unnest($1::uuid[], ...). A std::nullopt element is NULL.
    Params& add(std::span<const std::string> items);                       // text[]
    Params& add(std::span<const std::optional<std::string>> items);        // text[]
    Params& add(std::span<const std::int64_t> items);                      // int8[]
    Params& add(std::span<const std::optional<std::int64_t>> items);       // int8[]
    Params& add(std::span<const int> items);                               // int4[]
    Params& add(std::span<const Uuid> items);                              // uuid[]
    Params& add(std::span<const std::optional<Uuid>> items);               // uuid[]
    Params& add(std::span<const std::optional<WallTime>> items);           // timestamptz[]
    Params& add_jsonb(std::span<const std::optional<std::string>> items);  // jsonb[], of valid JSON

    // False when a text holds U+0000, which PostgreSQL cannot store. Such a call is refused with 22021.
    bool storable() const { return storable_; }
    struct Value {
        std::optional<std::string> bytes;  // none: NULL
        Form form = Form::text;
    };
    const std::vector<Value>& values() const { return values_; }
    std::size_t size() const { return values_.size(); }

private:
    Params& add_value(std::optional<std::string> bytes, Form form);

    std::vector<Value> values_;
    bool storable_ = true;
};

// Gives the last of `rows` rows its value in a column that is sent as an array. What is NULL, or 0, at the end is left
// out, mostly all of it: unnest() and subscripts give NULL beyond the end, and each element costs the server.
template <class T>
void put_last(std::vector<T>& column, std::size_t rows, std::type_identity_t<T> value) {
    if (value == T{}) return;
    column.resize(rows);
    column.back() = std::move(value);
}

}  // namespace ledgerline::db
