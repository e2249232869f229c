#include "http/server/logins.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/hex.h"
#include "base/text.h"
#include "http/problem.h"

namespace ledgerline::http {
namespace {

// What a cookie says: "<key's id>.<seconds since 1970>.<r or w>.<nonce>", then "." and its seal.
struct Stamp {
    std::string_view key_id;
    std::chrono::sys_seconds expires_at;
    bool may_change = false;
};

std::optional<Stamp> parse(std::string_view text) {
    std::array<std::string_view, 4> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::size_t dot = text.find('.');
        if ((dot == std::string_view::npos) != (i + 1 == parts.size())) return std::nullopt;
        parts[i] = text.substr(0, dot);
        text.remove_prefix(std::min(text.size(), parts[i].size() + 1));
    }
    const auto seconds = parse_integer<std::int64_t>(parts[1]);
    if (!seconds || (parts[2] != "r" && parts[2] != "w")) return std::nullopt;
    return Stamp{parts[0], std::chrono::sys_seconds(std::chrono::seconds(*seconds)), parts[2] == "w"};
}

// For two purposes, so that neither value can stand for the other.
std::string seal_of(std::string_view purpose, std::string_view text, const KeyHash& secret) {
    const std::string sealed_text = fmt::format("{} {}", purpose, text);
    std::array<unsigned char, 32> seal{};
    crypto_generichash(seal.data(), seal.size(), reinterpret_cast<const unsigned char*>(sealed_text.data()),
                       sealed_text.size(), secret.data(), secret.size());
    return hex_of(seal);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

// The session's cookie; nothing when there is none, or several, of which any may be forged.
std::optional<std::string_view> cookie_of(const Request& request) {
    std::optional<std::string_view> found;
    for (const auto& [name, value] : request.headers) {
        if (name != "cookie") continue;
        for (std::size_t begin = 0, end = 0; begin < value.size(); begin = end + 1) {
            end = std::min(value.find(';', begin), value.size());
            const std::string_view pair = trimmed(std::string_view(value).substr(begin, end - begin));
            if (!pair.starts_with(Logins::cookie_name) || pair.substr(Logins::cookie_name.size(), 1) != "=") continue;
            if (found) return std::nullopt;
            found = pair.substr(Logins::cookie_name.size() + 1);
        }
    }
    return found;
}

bool names_a_key(const Request& request) { return request.header("x-api-key") || request.header("authorization"); }
bool only_reads(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

Response forbidden(std::string detail, std::string_view field = "") {
    return to_response(edge_problem(403, edge_code::forbidden, std::move(detail), field));
}

std::optional<Response> refuse_token(const Request& request, const Logins::Session& session) {
    const std::string* token = request.header("x-csrf-token");
    if (token && equal_in_constant_time(*token, session.token)) return std::nullopt;
    return forbidden("X-CSRF-Token must be the token of this session.", Logins::token_header);
}

}  // namespace

std::expected<ApiKeys::Key, Response> Logins::admit(const Request& request, Scope scope) const {
    const auto session = needs_key() && !names_a_key(request) ? find(request) : std::nullopt;
    if (!session) return keys_.admit(request, scope);
    if (!only_reads(request)) {
        if (auto refusal = refuse_token(request, *session)) return std::unexpected(*std::move(refusal));
        if (!session->may_change)
            return std::unexpected(forbidden("This session only reads: allow it to change things first."));
    }
    auto key = keys_.find(session->key_id);
    if (!key) return keys_.admit(request, scope);
    return keys_.admit(std::move(key), request, scope);
}

std::expected<Logins::Session, Response> Logins::log_in(const Request& request) const {
    auto key = keys_.admit(request, Scope::any);
    if (!key) return std::unexpected(std::move(key).error());
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
    if (*key && (*key)->token_ends_at)
        return std::unexpected(forbidden("A session begins with an API key: a token ends too soon."));
    if (*key)
        if (auto session = seal((*key)->id, now + session_max, false)) return *std::move(session);
    return std::unexpected(forbidden("This API key is not known any more."));
}

std::optional<Logins::Session> Logins::find(const Request& request) const {
    const auto cookie = cookie_of(request);
    if (!cookie) return std::nullopt;
    const std::size_t dot = cookie->rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto stamp = parse(cookie->substr(0, dot));
    if (!stamp || stamp->expires_at <= clock_.wall_now()) return std::nullopt;
    auto session = sealed(std::string(cookie->substr(0, dot)), stamp->key_id);
    if (!session || !equal_in_constant_time(session->cookie, *cookie)) return std::nullopt;
    session->expires_at = stamp->expires_at;
    session->may_change = stamp->may_change;
    return session;
}

std::expected<Logins::Session, Response> Logins::for_change(const Request& request) const {
    auto session = find(request);
    if (!session)
        return std::unexpected(
            to_response(edge_problem(401, edge_code::unauthorized, "There is no session: log in with an API key.")));
    if (auto refusal = refuse_token(request, *session)) return std::unexpected(*std::move(refusal));
    return *std::move(session);
}

std::optional<Logins::Session> Logins::renew(const Session& session, bool may_change) const {
    return seal(session.key_id, session.expires_at, may_change);
}

std::optional<Logins::Session> Logins::seal(std::string_view key_id, std::chrono::sys_seconds expires_at,
                                            bool may_change) const {
    auto session = sealed(fmt::format("{}.{}.{}.{:016x}", key_id, expires_at.time_since_epoch().count(),
                                      may_change ? 'w' : 'r', random_.next()),
                          key_id);
    if (!session) return std::nullopt;
    session->expires_at = expires_at;
    session->may_change = may_change;
    return session;
}

std::optional<Logins::Session> Logins::sealed(const std::string& stamp, std::string_view key_id) const {
    const auto key = keys_.find(key_id);
    if (!key) return std::nullopt;
    const KeyHash secret = ApiKeys::secret_of(*key);
    Session session;
    session.key_id = key_id;
    session.tenant = key->tenant_name;
    session.scopes = key->usable_scopes();
    session.cookie = stamp + '.' + seal_of("cookie", stamp, secret);
    session.token = seal_of("token", stamp, secret);
    return session;
}

}  // namespace ledgerline::http
