#include "cli/yaml.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace ledgerline::cli {
namespace {

// Words that some reader of YAML takes for a boolean or for null, in any case.
constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};

bool is_bare(std::string_view text) {
    const auto is_bare_char = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; };
    return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, is_bare_char) &&
           std::ranges::find(kWords, lower(text)) == kWords.end();
}

std::string text_in_yaml(const std::string& text) {
    if (is_bare(text)) return text;
    std::string quoted;
    json::append_quoted(text, quoted);
    return printable_json(quoted);
}

bool is_nested(const json::Value& value) {
    return (value.if_object() && !value.if_object()->empty()) || (value.if_array() && !value.if_array()->empty());
}

// Begins where the line stands: only further lines are indented.
void append(const json::Value& value, std::size_t indent, std::string& out) {
    if (!is_nested(value)) {
        const std::string* text = value.if_string();
        out += (text ? text_in_yaml(*text) : json::serialize(value)) + '\n';
        return;
    }
    bool first = true;
    const auto begin_line = [&] { out.append(std::exchange(first, false) ? 0 : indent, ' '); };
    if (const json::Array* items = value.if_array()) {
        for (const json::Value& item : *items) {
            begin_line();
            out += "- ";
            append(item, indent + 2, out);
        }
        return;
    }
    for (const auto& [name, member] : *value.if_object()) {
        begin_line();
        out += text_in_yaml(name) + ':';
        out += is_nested(member) ? '\n' + std::string(indent + 2, ' ') : " ";
        append(member, indent + 2, out);
    }
}

}  // namespace

std::string yaml_of(const json::Value& value) {
    std::string out;
    append(value, 0, out);
    return out;
}

std::string yaml_item_of(const json::Value& value) {
    std::string out = "- ";
    append(value, 2, out);
    return out;
}

}  // namespace ledgerline::cli
