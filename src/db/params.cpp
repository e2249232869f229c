#include "db/params.h"

#include <fmt/format.h>

namespace ledgerline::db {
namespace {

void append_array_item(std::string_view item, std::string& out) {
    out.push_back('"');
    for (const char c : item) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
}

// "{a,b}" from items, each written by append.
template <class Items, class Append>
std::string array_text(const Items& items, Append append) {
    std::string out = "{";
    for (const auto& item : items) {
        if (out.size() > 1) out.push_back(',');
        append(item, out);
    }
    out.push_back('}');
    return out;
}

}  // namespace

Params& Params::add(std::string_view text) {
    storable_ = storable_ && text.find('\0') == std::string_view::npos;
    values_.emplace_back(std::string(text));
    return *this;
}
Params& Params::add(std::int64_t number) { return add(std::string_view(std::to_string(number))); }
Params& Params::add(bool boolean) { return add(std::string_view(boolean ? "t" : "f")); }
Params& Params::add(double number) { return add(std::string_view(fmt::format("{}", number))); }
Params& Params::add(const Uuid& id) { return add(std::string_view(id.to_string())); }
Params& Params::add(WallTime time) { return add(std::string_view(format_rfc3339(time))); }
Params& Params::add_null() {
    values_.emplace_back(std::nullopt);
    return *this;
}
Params& Params::add_bytes(std::string_view bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(text.size() + 2 * bytes.size());
    for (const char c : bytes) {
        text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
        text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
    }
    return add(std::string_view(text));
}
Params& Params::add_array(std::span<const std::string> items) {
    return add(std::string_view(array_text(items, append_array_item)));
}
Params& Params::add_array(std::span<const std::optional<std::string>> items) {
    return add(std::string_view(array_text(items, [](const auto& item, std::string& out) {
        if (item)
            append_array_item(*item, out);
        else
            out += "NULL";
    })));
}
Params& Params::add_array(std::span<const std::int64_t> items) {
    return add(std::string_view(array_text(items, [](auto item, std::string& out) { out += std::to_string(item); })));
}
Params& Params::add_array(std::span<const std::optional<std::int64_t>> items) {
    return add(std::string_view(
        array_text(items, [](const auto& item, std::string& out) { out += item ? std::to_string(*item) : "NULL"; })));
}
Params& Params::add_array(std::span<const int> items) {
    return add(std::string_view(array_text(items, [](auto item, std::string& out) { out += std::to_string(item); })));
}
Params& Params::add_array(std::span<const Uuid> items) {
    return add(std::string_view(array_text(items, [](const Uuid& id, std::string& out) { out += id.to_string(); })));
}

}  // namespace ledgerline::db
