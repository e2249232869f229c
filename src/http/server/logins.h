// Logins: the sessions of browsers. Who shows an API key gets a cookie that stands for it for a while.
//
// Nothing is kept here: the cookie says which key, until when and whether it may change things, and is sealed with a
// secret made of that key. So any process with the same keys takes it, and it ends with its key. A change also needs
// the session's token in a header, which no page of another site can read or send.
//
// Safe to use from any thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "http/message.h"
#include "http/server/api_keys.h"

namespace ledgerline::http {

class Logins {
public:
    static constexpr std::string_view cookie_name = "ledgerline_session";
    static constexpr std::string_view token_header = "X-CSRF-Token";
    static constexpr std::chrono::hours session_max{8};

    struct Session {
        std::string key_id;
        std::string tenant;  // the name of its key's
        std::chrono::sys_seconds expires_at;
        bool may_change = false;
        std::vector<std::string_view> scopes;  // those that its key can use
        std::string cookie;                    // its value
        std::string token;                     // what a change must send as X-CSRF-Token
    };

    // All of them must outlive it.
    Logins(const ApiKeys& keys, const Clock& clock, Random& random) : keys_(keys), clock_(clock), random_(random) {}

    bool needs_key() const { return !keys_.is_open(); }

    // As ApiKeys::admit(). A request that names no key may bring a session: it then needs the token, and a session that
    // may change things, unless it only reads (403).
    std::expected<ApiKeys::Key, Response> admit(const Request& request, Scope scope) const;

    // As ApiKeys::tenant_of().
    std::expected<int, Response> tenant_of(const Request& request) const {
        return keys_.tenant_of(request.key, request);
    }

    // As ApiKeys::use_of().
    std::shared_ptr<TenantUse> use_of(int tenant) const { return keys_.use_of(tenant); }

    // A session for the key that the request names, or the answer of ApiKeys::admit(). It may change nothing. There
    // must be keys.
    std::expected<Session, Response> log_in(const Request& request) const;
    // The request's session; nothing when it has none in force.
    std::optional<Session> find(const Request& request) const;
    // The same, for a request that changes the session itself: 401 without one, 403 without its token.
    std::expected<Session, Response> for_change(const Request& request) const;
    // How long it will be in force.
    std::chrono::seconds left(const Session& session) const {
        return session.expires_at - std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
    }
    // That session, allowed to change things or not; it ends when the first one would have. Nothing if its key is gone.
    std::optional<Session> renew(const Session& session, bool may_change) const;

private:
    std::optional<Session> seal(std::string_view key_id, std::chrono::sys_seconds expires_at, bool may_change) const;
    std::optional<Session> sealed(const std::string& stamp, std::string_view key_id) const;

    const ApiKeys& keys_;
    const Clock& clock_;
    Random& random_;
};

}  // namespace ledgerline::http
