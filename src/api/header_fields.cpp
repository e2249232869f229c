#include "api/header_fields.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "api/fields.h"

namespace ledgerline {
namespace {

constexpr std::string_view kKeyHeader = "idempotency-key";

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// The parts of text between separators that stand outside quoted strings, trimmed.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    bool quoted = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == separator && !quoted) {
            parts.push_back(trim(text.substr(begin, i - begin)));
            begin = i + 1;
        }
    }
    parts.push_back(trim(text.substr(begin)));
    return parts;
}

// The string between the quotes; nothing when text is not exactly one structured-field string.
std::optional<std::string> parse_sf_string(std::string_view text) {
    std::string out;
    std::size_t i = 1;
    for (; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\') {
            ++i;
            if (i == text.size() || (text[i] != '"' && text[i] != '\\')) return std::nullopt;
        }
        if (text[i] < 0x20 || text[i] > 0x7e) return std::nullopt;
        out.push_back(text[i]);
    }
    if (i + 1 != text.size()) return std::nullopt;
    return out;
}

bool is_utf8(std::string_view text) {
    std::string quoted;
    json::append_quoted(text, quoted);
    return json::parse(quoted).has_value();
}

http::Problem key_problem(std::string_view rule) {
    return problem(ProblemCode::invalid_idempotency_key, "Idempotency-Key " + std::string(rule) + ".",
                   "Idempotency-Key");
}

// The seconds of "wait=5" or wait="5"; nothing when they are not plain digits.
std::optional<std::chrono::seconds> parse_wait(std::string_view preference) {
    const auto equals = preference.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string_view digits = trim(preference.substr(equals + 1));
    if (digits.size() >= 2 && digits.starts_with('"') && digits.ends_with('"'))
        digits = digits.substr(1, digits.size() - 2);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    unsigned seconds = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (parsed.ec != std::errc()) return wait_max;  // more digits than fit: more than enough
    return std::min(std::chrono::seconds(seconds), wait_max);
}

}  // namespace

std::expected<std::optional<std::string>, http::Problem> read_idempotency_key(const http::Request& request) {
    const std::string* header = request.header(kKeyHeader);
    if (!header) return std::nullopt;
    const auto named = [](const http::Header& each) { return each.first == kKeyHeader; };
    if (std::ranges::count_if(request.headers, named) > 1) return std::unexpected(key_problem("must not be repeated"));

    std::optional<std::string> key = *header;
    if (header->starts_with('"')) key = parse_sf_string(*header);
    if (!key) return std::unexpected(key_problem("is not a well-formed structured-field string"));
    if (key->empty()) return std::unexpected(key_problem("must not be empty"));
    if (has_control_characters(*key)) return std::unexpected(key_problem("must not hold control characters"));
    if (!is_utf8(*key)) return std::unexpected(key_problem("must be valid UTF-8"));
    if (code_points(*key) > idempotency_key_chars_max)
        return std::unexpected(
            key_problem("must have at most " + std::to_string(idempotency_key_chars_max) + " characters"));
    return key;
}

std::optional<std::chrono::seconds> read_wait(const http::Request& request) {
    for (const auto& [name, value] : request.headers) {
        if (name != "prefer") continue;
        for (const std::string_view preference : split(value, ',')) {
            const std::string_view bare = split(preference, ';').front();
            // The first one counts, also when it is malformed.
            if (equal_ignoring_case(trim(bare.substr(0, bare.find('='))), "wait")) return parse_wait(bare);
        }
    }
    return std::nullopt;
}

}  // namespace ledgerline
