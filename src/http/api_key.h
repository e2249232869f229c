// ApiKey: who calls, and what that key may do. server/api_keys.h decides who it is. Who calls with a token has one, too
// (tokens/access_tokens.h).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/tenant.h"
#include "http/scope.h"
#include "http/server/network.h"
#include "http/token_bucket.h"

namespace ledgerline::http {

// What a key's transactions may be.
struct KeyLimits {
    std::optional<std::int64_t> amount_cents_max;  // of one movement
    bool may_overdraw = true;                      // give accounts a floor below 0
    bool may_credit_external = true;               // bring money in from the outside world
    std::optional<std::int64_t> requests_per_second;
    std::optional<std::int64_t> transactions_per_second;
};

using KeyHash = std::array<unsigned char, 32>;

// What a caller sends, as it is known here.
struct KeySecret {
    int number = 0;
    KeyHash salt{};
    KeyHash hash{};  // of the whole text that is sent, keyed with the salt
    std::optional<WallTime> ends_at = {};
};

// What a process knows of the use of a key, in all versions of its ApiKey.
struct KeyUse {
    explicit KeyUse(const KeyLimits& limits)
        : requests(limits.requests_per_second), transactions(limits.transactions_per_second) {}
    TokenBucket requests, transactions;
    TokenBucket refusals{refusals_per_second};
    std::atomic<std::int64_t> connections = 0;  // of a listener, whose last request came with it
    // The numbers of the secrets used since somebody looked, 0 for none: of the newest, and of the one before it.
    std::array<std::atomic<int>, 2> used_secrets{};
};

struct ApiKey {
    std::string id;  // a UUID; of a key in a file its fingerprint; of a token's caller "sub:" and the subject
    std::string name;
    Scopes scopes;
    KeyLimits limits = {};
    int tenant = default_tenant;
    std::string tenant_name{default_tenant_name};
    std::vector<Network> networks = {};          // empty: from everywhere
    std::vector<KeySecret> secrets = {};         // newest first
    std::shared_ptr<KeyUse> use = {};            // never null once it is in the table
    std::optional<WallTime> token_ends_at = {};  // nothing: a key

    // Whether it may call, for that tenant, what needs the scope.
    bool may(Scope scope, int for_tenant) const;
    // The names of the scopes that it can use in its tenant.
    std::vector<std::string_view> usable_scopes() const;
    // Whether it may act in all tenants.
    bool is_operator() const { return may(Scope::tenants_admin, default_tenant); }
};

// The text of a key that is stored: "llk_", its id as 32 hexadecimal digits, "_", and 64 more that are secret.
inline constexpr std::string_view key_prefix = "llk_";

}  // namespace ledgerline::http
