#include <boost/json/basic_parser_impl.hpp>
#include <unordered_set>
#include <utility>

#include "base/json.h"
#include "base/json_items.h"
#include "base/json_tame.h"
#include "base/text.h"

namespace ledgerline::json {
namespace {

// The array that parse_items() splits.
struct Split {
    std::string_view member;
    std::size_t values_max;
    const TakeItem& take;
};

// Builds a Value from the events of Boost.JSON's parser, and stops it where our rules are stricter.
class Builder {
public:
    // The parser refuses what exceeds these. They are unlimited: the body's size is limited earlier.
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    using Code = boost::json::error_code;
    using Text = boost::json::string_view;

    // An earlier run has already delivered the first items_known elements.
    Builder(const Split* split, std::size_t items_known) : split_(split), items_known_(items_known) {}

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
    std::size_t items() const { return items_; }

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
        std::string key;                        // in an object: of the member being read
        std::unordered_set<std::string> names;  // in an object: seen so far
    };
    // On the stack while the split array is being read: the object and the array.
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
        if (stack_.size() <= depth_max) return count_value(code);
        if (in_item()) return drop_item(Item::Fault::too_deep);
        return refuse("nested deeper than " + std::to_string(depth_max) + " levels", code);
    }

    bool close(Code& code) {
        if (skipping()) {
            if (--skipped_depth_ > 0) return true;
            return hand_over({Value(), fault_, std::exchange(skipped_in_, {})}, code);
        }
        Value done = std::move(stack_.back().container);
        stack_.pop_back();
        if (stack_.size() < kSplitFrames) splitting_ = false;
        return place(std::move(done), code);
    }

    bool add(Value value, Code& code) {
        if (skipping()) return true;
        if (at_items()) return hand_over({std::move(value), {}, {}}, code);
        return count_value(code) && (skipping() || place(std::move(value), code));
    }

    bool place(Value value, Code& code) {
        if (at_items()) return hand_over({std::move(value), {}, {}}, code);
        if (stack_.empty()) {
            root_ = std::move(value);
        } else if (Array* array = stack_.back().container.if_array()) {
            array->push_back(std::move(value));
        } else {
            stack_.back().container.if_object()->emplace_back(std::move(stack_.back().key), std::move(value));
        }
        return true;
    }

    bool count_value(Code& code) {
        if (!split_) return true;
        if (++(in_item() ? item_values_ : other_values_) <= split_->values_max) return true;
        if (in_item()) return drop_item(Item::Fault::too_large);
        return refuse("there must be at most " + std::to_string(split_->values_max) + " values outside '" +
                          std::string(split_->member) + "'",
                      code);
    }

    // The rest of the item is only checked for syntax.
    bool drop_item(Item::Fault fault) {
        const Frame& item = stack_[kSplitFrames];
        fault_ = fault;
        skipped_in_ = item.container.if_object() ? item.key : std::string();
        skipped_depth_ = stack_.size() - kSplitFrames;
        stack_.resize(kSplitFrames);
        std::string().swap(text_);
        return true;
    }

    bool hand_over(Item item, Code& code) {
        item_values_ = 0;
        if (++items_ <= items_known_) return true;
        if (split_->take(std::move(item))) return true;
        stopped_ = true;
        return refuse({}, code);
    }

    bool in_item() const { return splitting_ && stack_.size() > kSplitFrames; }
    bool at_items() const { return splitting_ && stack_.size() == kSplitFrames; }
    bool skipping() const { return skipped_depth_ > 0; }

    bool number(Text text, Code& code) {
        if (skipping()) return true;
        append(text);
        return add(Number{std::exchange(text_, {})}, code);
    }

    // How much of the text itself an error quotes, cut between two code points.
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
    const std::size_t items_known_;
    std::vector<Frame> stack_;
    std::string text_;
    std::string rule_;
    Value root_;

    bool splitting_ = false;         // within the split array
    std::size_t items_ = 0;          // delivered
    std::size_t item_values_ = 0;    // of the element being read
    std::size_t other_values_ = 0;   // outside the elements
    std::size_t skipped_depth_ = 0;  // containers open in an element that was dropped; 0: none was
    Item::Fault fault_ = Item::Fault::none;
    std::string skipped_in_;
    bool stopped_ = false;
};

// Boost's parser recurses with the nesting, so its own limit protects the stack. It lies above ours, which Builder
// reports.
constexpr std::size_t kParserDepthMax = depth_max + 2;

class Run {
public:
    Run(std::string_view text, const Split* split, std::size_t items_known) : parser_(options(), split, items_known) {
        used_ = parser_.write_some(false, text.data(), text.size(), code_);
        if (!code_ && used_ < text.size()) code_ = boost::json::error::extra_data;
    }

    bool met_a_limit() const {
        return code_ == boost::json::error::too_deep || code_ == boost::json::error::exponent_overflow;
    }
    std::size_t items() const { return parser_.handler().items(); }

    Result<Value> take() {
        if (!code_) return parser_.handler().take();
        if (parser_.handler().stopped()) return failure(Disposition::refuse, "stopped", "the parse was stopped");
        const std::string& rule = parser_.handler().rule();
        const std::string where = parser_.handler().where();
        return failure(Disposition::refuse, "invalid_json",
                       (rule.empty() ? code_.message() : rule) + ", at byte " + std::to_string(used_) +
                           (where.empty() ? "" : ", in " + where));
    }

private:
    static boost::json::parse_options options() {
        boost::json::parse_options options;
        options.max_depth = kParserDepthMax;
        return options;
    }

    boost::json::basic_parser<Builder> parser_;
    boost::json::error_code code_;
    std::size_t used_ = 0;
};

// Where the text exceeds the parser's own limits, the parser would stop there. So it runs again over a text within
// those limits, in which the same places still exceed ours.
Result<Value> run_parser(std::string_view text, const Split* split) {
    Run run(text, split, 0);
    if (!run.met_a_limit()) return run.take();
    const std::string tamed = tame(text, kParserDepthMax);
    return Run(tamed, split, run.items()).take();
}

}  // namespace

Result<Value> parse(std::string_view text) { return run_parser(text, nullptr); }

Result<Value> parse_items(std::string_view text, std::string_view member, std::size_t values_max,
                          const TakeItem& take) {
    const Split split{member, values_max, take};
    return run_parser(text, &split);
}

}  // namespace ledgerline::json
