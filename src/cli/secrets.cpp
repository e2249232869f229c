#include "cli/secrets.h"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <utility>

#include "base/text.h"

namespace ledgerline::cli {
namespace {

constexpr char kHidden = 'x';
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kSecretWords[] = {"password", "passwd",  "secret",  "token",         "apikey",
                                             "api-key",  "api_key", "key.pem", "authorization", "oauthbearer"};
constexpr std::string_view kFileEnding = "file";  // of names of files that hold secrets

void hide(std::span<char> text) { std::ranges::fill(text, kHidden); }

// Replaces percent-encoded characters, and converts to lower case.
std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool encoded =
            text[at] == '%' && at + 2 < text.size() && hex_value(text[at + 1]) >= 0 && hex_value(text[at + 2]) >= 0;
        if (!encoded) {
            plain += to_lower(text[at]);
            continue;
        }
        plain += to_lower(static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2])));
        at += 2;
    }
    return plain;
}

bool names_secret(std::string_view name) {
    const std::string plain = decoded(name);
    if (plain.ends_with(kFileEnding)) return false;
    return std::ranges::any_of(kSecretWords, [&](std::string_view word) { return plain.contains(word); });
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The name that ends before `end`, without the spaces in between.
std::string_view name_before(std::string_view text, std::size_t end) {
    const auto in_name = [](char c) { return is_letter(c) || is_digit(c) || std::string_view("_.-%").contains(c); };
    while (end > 0 && is_blank(text[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && in_name(text[begin - 1])) --begin;
    return text.substr(begin, end - begin);
}

// user:password@, with or without a scheme. A user alone is not a secret for PostgreSQL; for other schemes it may be a
// token.
void hide_in_authority(std::span<char> argument) {
    const std::string_view text(argument.data(), argument.size());
    const auto scheme = text.find(kSchemeEnd);
    const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + kSchemeEnd.size();
    const auto at = text.rfind('@');
    if (at == std::string_view::npos || at < begin) return;
    const auto colon = text.find(':', begin);
    const std::string_view name = text.substr(0, scheme);
    const bool is_postgres = name.ends_with("postgres") || name.ends_with("postgresql");
    if (colon < at)
        hide(argument.subspan(colon + 1, at - colon - 1));
    else if (scheme != std::string_view::npos && !is_postgres)
        hide(argument.subspan(begin, at - begin));
}

void hide_in_settings(std::span<char> argument) {
    const std::string_view text(argument.data(), argument.size());
    for (std::size_t at = 0; (at = text.find_first_of("=:", at)) != std::string_view::npos; ++at)
        if (names_secret(name_before(text, at))) return hide(argument.subspan(at + 1));
}

void hide_in(std::span<char> argument) {
    hide_in_settings(argument);
    hide_in_authority(argument);
}

}  // namespace

void hide_secrets(std::span<char*> arguments) {
    bool secret_follows = false;
    for (char* argument : arguments) {
        const std::span<char> text(argument, std::strlen(argument));
        const std::string_view name(argument, text.size());
        const bool is_flag_of_secret = name.starts_with('-') && !name.contains('=') && names_secret(name);
        if (std::exchange(secret_follows, is_flag_of_secret))
            hide(text);
        else
            hide_in(text);
    }
}

std::string without_secrets(std::string text) {
    hide_in(text);
    return text;
}

std::string broken_database_url_rule(std::string_view url) {
    const auto scheme = url.find(kSchemeEnd);
    if (scheme == std::string_view::npos) return "";
    const std::string_view authority = url.substr(scheme + kSchemeEnd.size());
    // Like libpq: the user and the password end at the first @, if it comes before the first slash.
    const auto slash = std::min(authority.find('/'), authority.size());
    if (std::ranges::count(authority.substr(0, slash), '@') > 1)
        return "a URL with a single @: write one in the user or password as %40";
    const std::string_view path = authority.substr(slash, authority.find('?') - slash);
    if (path.contains('@') && authority.find(':') < slash && !authority.substr(0, slash).contains('@'))
        return "a URL without a slash in the user and password: write it as %2F";
    return "";
}

}  // namespace ledgerline::cli
