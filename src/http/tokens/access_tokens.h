// AccessTokens: who calls with a token that an issuer signed (OAuth 2.0, RFC 9068), and what that caller may do.
//
// A token that was found good is known by its hash until it ends, or until the issuer's keys change: its signature is
// checked once. Limits of a rate hold for all tokens of a subject together. Safe to use from any thread.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/api_key.h"
#include "http/tokens/claims.h"
#include "http/tokens/verification_key.h"

namespace ledgerline::http {

// A subject in place of a key, in logs and in the audit: "sub:alice".
inline constexpr std::string_view subject_prefix = "sub:";

class AccessTokens {
public:
    // Known at a time. Beyond it, those that have ended are forgotten, or else all: their signatures are checked again.
    static constexpr std::size_t known_max = 4096;
    // Whose rates are counted. Beyond it, those without a known token are forgotten: they may begin a new second.
    static constexpr std::size_t subjects_max = 8192;
    using Caller = std::shared_ptr<const ApiKey>;

    struct Refusal {
        bool later = false;  // the issuer's keys are being asked for: try again
        TokenFault why;
    };

    // clock must outlive it.
    AccessTokens(TokenPolicy policy, const Clock& clock) : policy_(std::move(policy)), clock_(clock) {}

    // The number of the tenant with that name, if there is one. Tenants stay, so a caller's is asked for once.
    using TenantOf = std::function<std::optional<int>(std::string_view name)>;
    std::expected<Caller, Refusal> admit(std::string_view token, const TenantOf& tenant_of);

    // The issuer's keys from now on; null: none is trusted.
    void trust(std::shared_ptr<const KeySet> keys);
    // Called, on any thread, for a token of a key that is not known. Whether the keys are being asked for. Set it
    // before the first call.
    void when_unknown(std::function<bool()> ask) { ask_ = std::move(ask); }

private:
    using Keys = std::shared_ptr<const KeySet>;
    std::expected<Claims, Refusal> verified(const Jws& jws, const Keys& keys, WallTime now) const;
    Caller known(const KeyHash& hash, WallTime now, Keys& keys);
    Caller remember(const KeyHash& hash, Claims claims, int tenant, const Keys& keys);
    std::shared_ptr<KeyUse> use_of(const std::string& id);
    void forget_some(WallTime now);

    const TokenPolicy policy_;
    const Clock& clock_;
    std::function<bool()> ask_;
    std::mutex mutex_;
    Keys keys_;                                                         // guarded by mutex_, like what follows
    std::map<KeyHash, Caller> known_;                                   // by the hash of the token
    std::map<std::string, std::shared_ptr<KeyUse>, std::less<>> uses_;  // by the caller's id
};

}  // namespace ledgerline::http
