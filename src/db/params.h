// Params: the values of one call for a statement's $1, $2, ...
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"

namespace ledgerline::db {

// A value of type bytea.
struct Bytes {
    std::string bytes;
    bool operator==(const Bytes&) const = default;
};

// Parameters of one call, in order, in PostgreSQL's text format.
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
    Params& add(std::span<const std::string> items) { return add_array(items); }
    Params& add(std::span<const std::optional<std::string>> items) { return add_array(items); }
    Params& add(std::span<const std::int64_t> items) { return add_array(items); }
    Params& add(std::span<const std::optional<std::int64_t>> items) { return add_array(items); }
    Params& add(std::span<const int> items) { return add_array(items); }
    Params& add(std::span<const Uuid> items) { return add_array(items); }
    Params& add_null();
    template <class T>
    Params& add(const std::optional<T>& value) {
        return value ? add(*value) : add_null();
    }

    // Arrays: for unnest($1::uuid[], ...). A std::nullopt element is NULL.
    Params& add_array(std::span<const std::string> items);
    Params& add_array(std::span<const std::optional<std::string>> items);
    Params& add_array(std::span<const std::int64_t> items);
    Params& add_array(std::span<const std::optional<std::int64_t>> items);
    Params& add_array(std::span<const int> items);
    Params& add_array(std::span<const Uuid> items);

    // False when a text holds U+0000, which PostgreSQL cannot store. Such a call is refused with 22021.
    bool storable() const { return storable_; }
    std::size_t size() const { return values_.size(); }
    // Null for NULL. Valid until the object changes.
    const char* value(std::size_t index) const { return values_[index] ? values_[index]->c_str() : nullptr; }

private:
    std::vector<std::optional<std::string>> values_;
    bool storable_ = true;
};

}  // namespace ledgerline::db
