#include "db/params.h"

#include <fmt/format.h>

#include <algorithm>

#include "db/binary.h"

namespace ledgerline::db {
namespace {

struct Json {
    std::string_view text;
};

bool has_zero(std::string_view text) { return text.contains('\0'); }
bool holds_zero(const std::optional<std::string>& text) { return text && has_zero(*text); }

void append_bytes(std::string& out, std::string_view bytes) {
    append_integer(out, static_cast<std::int32_t>(bytes.size()));
    out += bytes;
}
void append_element(std::string& out, std::string_view text) { append_bytes(out, text); }
void append_element(std::string& out, Json json) {
    append_integer(out, static_cast<std::int32_t>(json.text.size() + 1));
    out.push_back(jsonb_version);
    out += json.text;
}
template <std::integral Integer>
void append_element(std::string& out, Integer number) {
    append_integer(out, static_cast<std::int32_t>(sizeof number));
    append_integer(out, number);
}
void append_element(std::string& out, const Uuid& id) {
    append_bytes(out, {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}
void append_element(std::string& out, WallTime time) { append_element(out, timestamptz_of(time)); }
template <class T>
void append_element(std::string& out, const std::optional<T>& value) {
    if (value)
        append_element(out, *value);
    else
        append_integer(out, std::int32_t{-1});
}

// One dimension, counted from 1.
template <class Items, class AsElement = std::identity>
std::string array_of(Oid type, const Items& items, AsElement as_element = {}) {
    constexpr std::size_t kHead = 20, kElement = 20;
    std::string out;
    out.reserve(kHead + items.size() * kElement);
    append_integer(out, std::int32_t{items.empty() ? 0 : 1});  // dimensions
    append_integer(out, std::int32_t{1});                      // there may be NULLs
    append_integer(out, static_cast<std::int32_t>(type));
    if (items.empty()) return out;
    append_integer(out, static_cast<std::int32_t>(items.size()));
    append_integer(out, std::int32_t{1});
    for (const auto& item : items) append_element(out, as_element(item));
    return out;
}

}  // namespace

Params& Params::add_value(std::optional<std::string> bytes, Form form) {
    values_.push_back({std::move(bytes), form});
    return *this;
}
Params& Params::add(std::string_view text) {
    storable_ = storable_ && !has_zero(text);
    return add_value(std::string(text), Form::text);
}
Params& Params::add(std::int64_t number) { return add_value(std::to_string(number), Form::text); }
Params& Params::add(bool boolean) { return add_value(boolean ? "t" : "f", Form::text); }
Params& Params::add(double number) { return add_value(fmt::format("{}", number), Form::text); }
Params& Params::add(const Uuid& id) { return add_value(id.to_string(), Form::text); }
Params& Params::add(WallTime time) { return add_value(format_rfc3339(time), Form::text); }
Params& Params::add_bytes(std::string_view bytes) { return add_value(std::string(bytes), Form::binary); }
Params& Params::add_null() { return add_value(std::nullopt, Form::text); }

Params& Params::add(std::span<const std::string> items) {
    storable_ = storable_ && std::ranges::none_of(items, has_zero);
    return add_value(array_of(Oid::text, items), Form::binary);
}
Params& Params::add(std::span<const std::optional<std::string>> items) {
    storable_ = storable_ && std::ranges::none_of(items, holds_zero);
    return add_value(array_of(Oid::text, items), Form::binary);
}
Params& Params::add_jsonb(std::span<const std::optional<std::string>> items) {
    storable_ = storable_ && std::ranges::none_of(items, holds_zero);
    return add_value(
        array_of(Oid::jsonb, items, [](const auto& item) { return item ? std::optional(Json{*item}) : std::nullopt; }),
        Form::binary);
}
Params& Params::add(std::span<const std::int64_t> items) { return add_value(array_of(Oid::int8, items), Form::binary); }
Params& Params::add(std::span<const std::optional<std::int64_t>> items) {
    return add_value(array_of(Oid::int8, items), Form::binary);
}
Params& Params::add(std::span<const int> items) { return add_value(array_of(Oid::int4, items), Form::binary); }
Params& Params::add(std::span<const Uuid> items) { return add_value(array_of(Oid::uuid, items), Form::binary); }
Params& Params::add(std::span<const std::optional<Uuid>> items) {
    return add_value(array_of(Oid::uuid, items), Form::binary);
}
Params& Params::add(std::span<const std::optional<WallTime>> items) {
    return add_value(array_of(Oid::timestamptz, items), Form::binary);
}

}  // namespace ledgerline::db
