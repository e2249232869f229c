#include "base/jsonb.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace ledgerline::json {
namespace {

// PostgreSQL's numeric accepts no exponent this large, not even for zero.
constexpr std::int64_t kExponentEnd = INT32_MAX / 2;

// Appends the text of one value, until it exceeds a limit.
class JsonbWriter {
public:
    explicit JsonbWriter(const JsonbLimits& limits) : limits_(limits) {}

    // depth: of the containers around value.
    bool write(const Value& value, std::size_t depth) {
        if (const Number* number = value.if_number()) {
            const auto plain = to_plain(*number, limits_.digits_max);
            if (!plain)
                return refuse("must not hold a number of more than " + std::to_string(limits_.digits_max) +
                              " digits in plain notation");
            out_ += *plain;
        } else if (const Array* array = value.if_array()) {
            if (!enter(depth) || !write_items(*array, depth + 1)) return false;
        } else if (const Object* object = value.if_object()) {
            if (!enter(depth) || !write_members(*object, depth + 1)) return false;
        } else {
            serialize(value, out_);
        }
        return fits();
    }

    std::string take() { return std::move(out_); }
    std::string take_rule() { return std::move(rule_); }

private:
    bool write_items(const Array& items, std::size_t depth) {
        out_ += '[';
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i > 0) out_ += ", ";
            if (!write(items[i], depth)) return false;
        }
        out_ += ']';
        return true;
    }

    bool write_members(const Object& members, std::size_t depth) {
        std::vector<const Member*> ordered;
        ordered.reserve(members.size());
        for (const Member& member : members) ordered.push_back(&member);
        std::ranges::sort(ordered, [](const Member* a, const Member* b) {
            return a->first.size() != b->first.size() ? a->first.size() < b->first.size() : a->first < b->first;
        });
        out_ += '{';
        for (std::size_t i = 0; i < ordered.size(); ++i) {
            if (i > 0) out_ += ", ";
            append_quoted(ordered[i]->first, out_);
            out_ += ": ";
            if (!write(ordered[i]->second, depth)) return false;
        }
        out_ += '}';
        return true;
    }

    bool enter(std::size_t depth) {
        return depth < limits_.depth_max ||
               refuse("must not be nested deeper than " + std::to_string(limits_.depth_max) + " levels");
    }

    bool fits() {
        return out_.size() <= limits_.bytes_max ||
               refuse("must have at most " + std::to_string(limits_.bytes_max) + " bytes as it is stored");
    }

    bool refuse(std::string rule) {
        rule_ = std::move(rule);
        return false;
    }

    const JsonbLimits& limits_;
    std::string out_;
    std::string rule_;
};

}  // namespace

// Digits of the text, without the point, are numbered from their left; in plain notation the point comes before digit
// `point`, and `scale` digits follow it.
std::optional<std::string> to_plain(const Number& number, std::size_t digits_max) {
    std::string_view text = number.text;
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    std::int64_t exponent = 0;
    if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
        const char* first = text.data() + e + 1;
        if (*first == '+') ++first;
        if (std::from_chars(first, text.data() + text.size(), exponent).ec != std::errc()) return std::nullopt;
        text = text.substr(0, e);
    }
    std::string digits(text.substr(0, text.find('.')));
    std::int64_t point = std::ssize(digits);
    if (static_cast<std::size_t>(point) < text.size()) digits += text.substr(static_cast<std::size_t>(point) + 1);
    const std::int64_t written = std::ssize(digits) - point;
    const auto digits_most = static_cast<std::int64_t>(digits_max);
    if (exponent >= kExponentEnd || exponent <= -kExponentEnd) return std::nullopt;
    const std::int64_t scale = std::max<std::int64_t>(0, written - exponent);
    point += exponent;

    const auto first = static_cast<std::int64_t>(digits.find_first_not_of('0'));
    const bool zero = first < 0;
    const std::int64_t whole = zero ? 1 : std::max<std::int64_t>(1, point - first);
    if (whole > digits_most || scale > digits_most - whole) return std::nullopt;

    const auto digit_at = [&](std::int64_t place) {
        return zero || place < 0 || place >= std::ssize(digits) ? '0' : digits[static_cast<std::size_t>(place)];
    };
    std::string plain = negative && !zero ? "-" : "";
    for (std::int64_t place = point - whole; place < point; ++place) plain += digit_at(place);
    if (scale > 0) plain += '.';
    for (std::int64_t place = point; place < point + scale; ++place) plain += digit_at(place);
    return plain;
}

Result<std::string> to_jsonb(const Value& value, const JsonbLimits& limits) {
    JsonbWriter writer(limits);
    if (writer.write(value, 0)) return writer.take();
    return failure(Disposition::refuse, "beyond_limit", writer.take_rule());
}

bool is_same_jsonb(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const auto x = parse(a), y = parse(b);
    return x && y && equivalent(*x, *y);
}

}  // namespace ledgerline::json
