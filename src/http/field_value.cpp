#include "http/field_value.h"

#include "base/text.h"

namespace ledgerline::http {

std::vector<std::string_view> split_outside_quotes(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    bool quoted = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == separator && !quoted) {
            parts.push_back(trimmed(text.substr(begin, i - begin)));
            begin = i + 1;
        }
    }
    parts.push_back(trimmed(text.substr(begin)));
    return parts;
}

std::vector<std::string_view> list_elements(std::string_view text) {
    auto elements = split_outside_quotes(text, ',');
    std::erase(elements, std::string_view());
    return elements;
}

std::optional<std::string> token_or_quoted(std::string_view text) {
    if (is_token(text)) return std::string(text);
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    std::string value;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') return std::nullopt;
        if (text[i] == '\\') ++i;
        if (i == text.size()) return std::nullopt;  // the last quote was escaped
        value += text[i];
    }
    return value;
}

std::optional<Parameterized> parse_parameterized(std::string_view text) {
    const auto parts = split_outside_quotes(text, ';');
    Parameterized parsed{parts.front(), {}};
    for (std::size_t i = 1; i < parts.size(); ++i) {
        if (parts[i].empty()) continue;
        const auto equals = parts[i].find('=');
        if (equals == std::string_view::npos || !is_token(parts[i].substr(0, equals))) return std::nullopt;
        auto value = token_or_quoted(parts[i].substr(equals + 1));
        if (!value) return std::nullopt;
        parsed.parameters.push_back({lower(parts[i].substr(0, equals)), *std::move(value)});
    }
    return parsed;
}

}  // namespace ledgerline::http
