#include "http/tokens/access_tokens.h"

#include <utility>

#include "http/server/api_keys.h"

namespace ledgerline::http {

std::expected<AccessTokens::Caller, AccessTokens::Refusal> AccessTokens::admit(std::string_view token,
                                                                               const TenantOf& tenant_of) {
    const WallTime now = clock_.wall_now();
    const KeyHash hash = ApiKeys::hash_of(token);
    Keys keys;
    if (Caller caller = known(hash, now, keys)) return caller;
    const auto jws = Jws::parse(token);
    if (!jws) return std::unexpected(Refusal{.why = jws.error()});
    auto claims = verified(*jws, keys, now);
    if (!claims) return std::unexpected(claims.error());
    const auto tenant = tenant_of(claims->tenant);
    if (!tenant) return std::unexpected(Refusal{.why = "there is no tenant with the name in its claim"});
    return remember(hash, *std::move(claims), *tenant, keys);
}

void AccessTokens::trust(Keys keys) {
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
    known_.clear();
}

// Null when the token is not known; then also which keys it must be checked with.
AccessTokens::Caller AccessTokens::known(const KeyHash& hash, WallTime now, Keys& keys) {
    const std::lock_guard lock(mutex_);
    keys = keys_;
    const auto found = known_.find(hash);
    return found == known_.end() || *found->second->token_ends_at <= now ? nullptr : found->second;
}

std::expected<Claims, AccessTokens::Refusal> AccessTokens::verified(const Jws& jws, const Keys& keys,
                                                                    WallTime now) const {
    const VerificationKey* key = keys ? keys->find(jws.algorithm, jws.key_id) : nullptr;
    if (!key) {
        const bool asked = ask_ && ask_();
        return std::unexpected(Refusal{.later = asked || !keys, .why = "it is signed by no key of the issuer"});
    }
    if (!key->verifies(jws.signed_text, jws.signature))
        return std::unexpected(Refusal{.why = "its signature does not fit"});
    auto claims = Claims::parse(jws.payload, policy_, now);
    if (!claims) return std::unexpected(Refusal{.why = claims.error()});
    return *std::move(claims);
}

// Not when the keys have changed meanwhile: the one that signed it may be gone.
AccessTokens::Caller AccessTokens::remember(const KeyHash& hash, Claims claims, int tenant, const Keys& keys) {
    ApiKey caller{.id = std::string(subject_prefix) + claims.subject,
                  .name = std::move(claims.subject),
                  .scopes = claims.scopes,
                  .limits = policy_.limits,
                  .tenant = tenant,
                  .token_ends_at = claims.ends_at};
    const std::lock_guard lock(mutex_);
    forget_some(clock_.wall_now());
    caller.use = use_of(caller.id);
    auto made = std::make_shared<const ApiKey>(std::move(caller));
    if (keys == keys_) known_.insert_or_assign(hash, made);
    return made;
}

std::shared_ptr<KeyUse> AccessTokens::use_of(const std::string& id) {
    auto& use = uses_[id];
    if (!use) use = std::make_shared<KeyUse>(policy_.limits);
    return use;
}

void AccessTokens::forget_some(WallTime now) {
    if (known_.size() >= known_max) {
        std::erase_if(known_, [&](const auto& each) { return *each.second->token_ends_at <= now; });
        if (known_.size() >= known_max) known_.clear();
    }
    if (uses_.size() >= subjects_max)
        std::erase_if(uses_, [](const auto& each) { return each.second.use_count() == 1; });
}

}  // namespace ledgerline::http
