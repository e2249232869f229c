#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace ledgerline::json {
namespace {

// A number as a sign, significant digits without zeros at either end, and the power of ten of its last digit.
struct Decimal {
    bool negative = false;
    std::string digits;
    std::int64_t exponent = 0;

    bool operator==(const Decimal&) const = default;

    explicit Decimal(std::string_view text) {
        if (text.starts_with('-')) negative = true, text.remove_prefix(1);
        const auto e = text.find_first_of("eE");
        if (e != std::string_view::npos) {
            std::string_view tail = text.substr(e + 1);
            if (tail.starts_with('+')) tail.remove_prefix(1);
            std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
            text = text.substr(0, e);
        }
        const auto point = text.find('.');
        digits = text.substr(0, point);
        if (point != std::string_view::npos) {
            digits += text.substr(point + 1);
            exponent -= static_cast<std::int64_t>(text.size() - point - 1);
        }
        while (digits.ends_with('0')) digits.pop_back(), ++exponent;
        digits.erase(0, digits.find_first_not_of('0'));
        if (digits.empty()) negative = false, exponent = 0;
    }
};

bool equivalent_objects(const Object& a, const Value& whole_b) {
    const Object* b = whole_b.if_object();
    if (!b || a.size() != b->size()) return false;
    std::vector<const Member*> left, right;
    for (const Member& member : a) left.push_back(&member);
    for (const Member& member : *b) right.push_back(&member);
    const auto by_name = [](const Member* x, const Member* y) { return x->first < y->first; };
    std::sort(left.begin(), left.end(), by_name);
    std::sort(right.begin(), right.end(), by_name);
    return std::equal(left.begin(), left.end(), right.begin(), [](const Member* x, const Member* y) {
        return x->first == y->first && equivalent(x->second, y->second);
    });
}

// In a string, by RFC 8259, section 7.
bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void append_escaped(char c, std::string& out) {
    constexpr char kHexDigits[] = "0123456789abcdef";
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
    out.push_back('\\');
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
        out.push_back(kLetters[at]);
        return;
    }
    out += "u00";
    out.push_back(kHexDigits[c >> 4]);
    out.push_back(kHexDigits[c & 15]);
}

}  // namespace

std::optional<std::int64_t> Value::if_int64() const {
    const Number* number = if_number();
    if (!number) return std::nullopt;
    std::int64_t value = 0;
    const char* end = number->text.data() + number->text.size();
    const auto parsed = std::from_chars(number->text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return value;
}

const Value* Value::find(std::string_view name) const {
    const Object* object = if_object();
    if (!object) return nullptr;
    const auto found = std::find_if(object->begin(), object->end(), [&](const Member& m) { return m.first == name; });
    return found == object->end() ? nullptr : &found->second;
}

void append_quoted(std::string_view text, std::string& out) {
    out.push_back('"');
    // Mostly there is none, and to count takes less time than to find the first: it needs no branches.
    if (std::ranges::count_if(text, needs_escape) == 0) {
        out.append(text);
        out.push_back('"');
        return;
    }
    while (true) {
        const auto special = std::ranges::find_if(text, needs_escape);
        out.append(text.begin(), special);
        if (special == text.end()) break;
        append_escaped(*special, out);
        text = {special + 1, text.end()};
    }
    out.push_back('"');
}

void serialize(const Value& value, std::string& out) {
    if (value.is_null()) {
        out += "null";
    } else if (const bool* boolean = value.if_bool()) {
        out += *boolean ? "true" : "false";
    } else if (const Number* number = value.if_number()) {
        out += number->text;
    } else if (const std::string* string = value.if_string()) {
        append_quoted(*string, out);
    } else if (const Array* array = value.if_array()) {
        out.push_back('[');
        for (std::size_t i = 0; i < array->size(); ++i) {
            if (i > 0) out.push_back(',');
            serialize((*array)[i], out);
        }
        out.push_back(']');
    } else {
        out.push_back('{');
        bool first = true;
        for (const auto& [name, member] : *value.if_object()) {
            if (!std::exchange(first, false)) out.push_back(',');
            append_quoted(name, out);
            out.push_back(':');
            serialize(member, out);
        }
        out.push_back('}');
    }
}

std::string serialize(const Value& value) {
    std::string out;
    serialize(value, out);
    return out;
}

bool equivalent(const Value& a, const Value& b) {
    if (a.is_null()) return b.is_null();
    if (const bool* x = a.if_bool()) return b.if_bool() && *x == *b.if_bool();
    if (const Number* x = a.if_number()) return b.if_number() && Decimal(x->text) == Decimal(b.if_number()->text);
    if (const std::string* x = a.if_string()) return b.if_string() && *x == *b.if_string();
    if (const Array* x = a.if_array())
        return b.if_array() && std::equal(x->begin(), x->end(), b.if_array()->begin(), b.if_array()->end(), equivalent);
    return equivalent_objects(*a.if_object(), b);
}

}  // namespace ledgerline::json
