#include "base/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <unordered_set>

#include "base/json_items.h"
#include "base/printable.h"

namespace ledgerline::json {
namespace {

// The array that parse_items() takes apart.
struct Split {
    std::string_view member;
    std::size_t values_max;
    const TakeItem& take;
};

// Builds a Value from the events of Boost.JSON's parser, and stops it where our rules are stricter.
class Builder {
public:
    // The parser refuses what exceeds these; the body's size is limited before.
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    using Code = boost::json::error_code;
    using Text = boost::json::string_view;

    explicit Builder(const Split* split) : split_(split) {}

    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code& code) { return open(Object{}, code); }
    bool on_object_end(std::size_t, Code& code) { return close(code); }
    bool on_array_begin(Code& code) { return open(Array{}, code); }
    bool on_array_end(std::size_t, Code& code) { return close(code); }
    bool on_key_part(Text text, std::size_t, Code&) { return append(text); }
    bool on_key(Text text, std::size_t, Code& code) {
        if (skipping()) return true;
        append(text);
        Frame& frame = stack_.back();
        frame.key = std::exchange(text_, {});
        if (frame.key.find('\0') != std::string::npos) return refuse("a member name must not contain U+0000", code);
        if (!frame.names.insert(frame.key).second)
            return refuse("the member name '" + printable(cut(frame.key)) + "' occurs twice in one object", code);
        return true;
    }
    bool on_string_part(Text text, std::size_t, Code&) { return append(text); }
    bool on_string(Text text, std::size_t, Code& code) {
        if (skipping()) return true;
        append(text);
        if (text_.find('\0') != std::string::npos) return refuse("a string must not contain U+0000", code);
        return add(std::exchange(text_, {}), code);
    }
    bool on_number_part(Text text, Code&) { return append(text); }
    bool on_int64(std::int64_t, Text text, Code& code) { return number(text, code); }
    bool on_uint64(std::uint64_t, Text text, Code& code) { return number(text, code); }
    bool on_double(double, Text text, Code& code) { return number(text, code); }
    bool on_bool(bool value, Code& code) { return add(value, code); }
    bool on_null(Code& code) { return add(Value(), code); }
    bool on_comment_part(Text, Code&) { return true; }
    bool on_comment(Text, Code&) { return true; }

    Value take() { return std::move(root_); }
    const std::string& rule() const { return rule_; }
    bool stopped() const { return stopped_; }

    // The path of the value that is being read: "transactions[3].metadata.a".
    std::string where() const {
        std::string path;
        for (std::size_t i = 0; i < stack_.size() && path.size() <= echo_bytes_max; ++i) {
            const Frame& frame = stack_[i];
            if (const Array* array = frame.container.if_array()) {
                const bool is_split = splitting_ && i + 1 == kSplitFrames;
                path += '[' + std::to_string(is_split ? items_ : array->size()) + ']';
            } else if (!frame.key.empty()) {
                path += (path.empty() ? "" : ".") + printable(frame.key);
            }
        }
        return cut(std::move(path));
    }

private:
    struct Frame {
        Value container;
        std::string key;                        // of the member being read, in an object
        std::unordered_set<std::string> names;  // seen so far, in an object
    };
    // On the stack while the split array is read: the object, and the array.
    static constexpr std::size_t kSplitFrames = 2;

    bool append(Text text) {
        if (!skipping()) text_.append(text.data(), text.size());
        return true;
    }

    bool open(Value container, Code& code) {
        if (skipping()) return ++skipped_depth_, true;
        if (split_ && stack_.size() == 1 && container.if_array() && stack_[0].container.if_object() &&
            stack_[0].key == split_->member)
            splitting_ = true;
        stack_.push_back({std::move(container), {}, {}});
        return count_value(code);
    }

    bool close(Code& code) {
        if (skipping()) {
            if (--skipped_depth_ > 0) return true;
            return hand_over({Value(), std::exchange(skipped_in_, {})}, code);
        }
        Value done = std::move(stack_.back().container);
        stack_.pop_back();
        if (stack_.size() < kSplitFrames) splitting_ = false;
        return place(std::move(done), code);
    }

    bool add(Value value, Code& code) {
        if (skipping()) return true;
        if (at_items()) return hand_over({std::move(value), std::nullopt}, code);
        return count_value(code) && (skipping() || place(std::move(value), code));
    }

    bool place(Value value, Code& code) {
        if (at_items()) return hand_over({std::move(value), std::nullopt}, code);
        if (stack_.empty()) {
            root_ = std::move(value);
        } else if (Array* array = stack_.back().container.if_array()) {
            array->push_back(std::move(value));
        } else {
            stack_.back().container.if_object()->emplace_back(std::move(stack_.back().key), std::move(value));
        }
        return true;
    }

    // Drops an element that has too many values; what is left of it is only checked for its syntax.
    bool count_value(Code& code) {
        if (!split_) return true;
        const bool in_item = splitting_ && stack_.size() > kSplitFrames;
        if (++(in_item ? item_values_ : other_values_) <= split_->values_max) return true;
        if (!in_item)
            return refuse("there must be at most " + std::to_string(split_->values_max) + " values outside '" +
                              std::string(split_->member) + "'",
                          code);
        const Frame& item = stack_[kSplitFrames];
        skipped_in_ = item.container.if_object() ? item.key : std::string();
        skipped_depth_ = stack_.size() - kSplitFrames;
        stack_.resize(kSplitFrames);
        std::string().swap(text_);
        return true;
    }

    bool hand_over(Item item, Code& code) {
        item_values_ = 0;
        ++items_;
        if (split_->take(std::move(item))) return true;
        stopped_ = true;
        return refuse({}, code);
    }

    bool at_items() const { return splitting_ && stack_.size() == kSplitFrames; }
    bool skipping() const { return skipped_depth_ > 0; }

    bool number(Text text, Code& code) {
        if (skipping()) return true;
        append(text);
        return add(Number{std::exchange(text_, {})}, code);
    }

    // What is told of the text itself, cut between two code points.
    static constexpr std::size_t echo_bytes_max = 100;
    static std::string cut(std::string text) {
        if (text.size() <= echo_bytes_max) return text;
        std::size_t end = echo_bytes_max;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
        return text.substr(0, end) + "...";
    }

    bool refuse(std::string rule, Code& code) {
        rule_ = std::move(rule);
        code = boost::json::error::syntax;
        return false;
    }

    const Split* const split_;  // null: the whole text becomes one value
    std::vector<Frame> stack_;
    std::string text_;
    std::string rule_;
    Value root_;

    bool splitting_ = false;         // within the split array
    std::size_t items_ = 0;          // handed over
    std::size_t item_values_ = 0;    // of the element being read
    std::size_t other_values_ = 0;   // outside the elements
    std::size_t skipped_depth_ = 0;  // containers open in an element that was dropped; 0: none was
    std::string skipped_in_;
    bool stopped_ = false;
};

Result<Value> run_parser(std::string_view text, const Split* split) {
    boost::json::parse_options options;
    options.max_depth = depth_max;
    boost::json::basic_parser<Builder> parser(options, split);
    boost::json::error_code code;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), code);
    if (!code && used < text.size()) code = boost::json::error::extra_data;
    if (!code) return parser.handler().take();
    if (parser.handler().stopped()) return failure(Disposition::refuse, "stopped", "the parsing was ended");
    std::string rule = parser.handler().rule();
    if (code == boost::json::error::too_deep)
        rule = "nested deeper than " + std::to_string(depth_max) + " levels";
    else if (code == boost::json::error::exponent_overflow)
        rule = "the exponent of a number is beyond every limit";
    else if (rule.empty())
        rule = code.message();
    const std::string where = parser.handler().where();
    return failure(Disposition::refuse, "invalid_json",
                   rule + ", at byte " + std::to_string(used) + (where.empty() ? "" : ", in " + where));
}

// A number as sign, significant digits without zeros at either end, and the power of ten of the last digit.
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

Result<Value> parse(std::string_view text) { return run_parser(text, nullptr); }

Result<Value> parse_items(std::string_view text, std::string_view member, std::size_t values_max,
                          const TakeItem& take) {
    const Split split{member, values_max, take};
    return run_parser(text, &split);
}

void append_quoted(std::string_view text, std::string& out) {
    constexpr char kHexDigits[] = "0123456789abcdef";
    out.push_back('"');
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    out += "\\u00";
                    out.push_back(kHexDigits[c >> 4]);
                    out.push_back(kHexDigits[c & 15]);
                } else {
                    out.push_back(c);
                }
        }
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
