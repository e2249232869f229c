#include "http/target.h"

#include <optional>

#include "base/text.h"

namespace ledgerline::http {
namespace {

std::unexpected<Problem> invalid(std::string detail, std::string_view field = "") {
    return std::unexpected(edge_problem(400, edge_code::invalid_target, std::move(detail), field));
}

// Nothing when an escape is malformed.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i] == '+' && plus_is_space ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

std::expected<std::string, Problem> decode_checked(std::string_view text, bool plus_is_space) {
    auto decoded = decode(text, plus_is_space);
    if (!decoded) return invalid("A percent sign must be followed by two hexadecimal digits.");
    if (has_byte_below(*decoded, 0x20)) return invalid("An escape must not represent a control character.");
    if (!is_utf8(*decoded)) return invalid("The decoded path and query must be UTF-8.");
    return *std::move(decoded);
}

bool has_escaped_slash(std::string_view path) {
    return path.find("%2F") != std::string_view::npos || path.find("%2f") != std::string_view::npos;
}

}  // namespace

std::expected<Target, Problem> parse_target(std::string_view text) {
    const auto mark = text.find('?');
    const std::string_view raw_path = text.substr(0, mark);
    if (has_escaped_slash(raw_path)) return invalid("A path segment must not contain an escaped slash.");
    auto path = decode_checked(raw_path, false);
    if (!path) return std::unexpected(path.error());
    Target target{*std::move(path), {}};

    std::string_view rest = mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        if (pair.empty()) continue;
        const auto equals = std::min(pair.find('='), pair.size());
        auto name = decode_checked(pair.substr(0, equals), true);
        if (!name) return std::unexpected(name.error());
        auto value = decode_checked(equals < pair.size() ? pair.substr(equals + 1) : std::string_view(), true);
        if (!value) return std::unexpected(value.error());
        target.query.emplace_back(*std::move(name), *std::move(value));
    }
    return target;
}

}  // namespace ledgerline::http
