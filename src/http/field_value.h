// The values of header fields in the syntax of RFC 9110, section 5.6: lists, parameters and quoted strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerline::http {

// The parts of text between separators outside quoted strings, trimmed; empty ones included.
std::vector<std::string_view> split_outside_quotes(std::string_view text, char separator);

// The elements of a list. Empty ones are ignored (section 5.6.1.2).
std::vector<std::string_view> list_elements(std::string_view text);

// The value of a token or a quoted string. Nothing when text is neither, or has anything after it.
std::optional<std::string> token_or_quoted(std::string_view text);

struct Parameter {
    std::string name;   // in lower case
    std::string value;  // without quotes
};

// "value; name=value; ...": the caller interprets what comes before the first semicolon.
struct Parameterized {
    std::string_view value;  // trimmed
    std::vector<Parameter> parameters;
};
// Nothing when a parameter is malformed; empty ones are ignored (section 5.6.6).
std::optional<Parameterized> parse_parameterized(std::string_view text);

}  // namespace ledgerline::http
