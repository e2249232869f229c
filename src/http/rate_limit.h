// The answer to those who call more often than their key or their tenant may.
#pragma once

#include <string_view>

#include "http/message.h"
#include "http/tenant_limits.h"
#include "http/token_bucket.h"

namespace ledgerline::http {

// Whose limit it is, and of what.
struct RateLimit {
    std::string_view policy;  // its name in RateLimit and RateLimit-Policy
    std::string_view whose;
    std::string_view what;
};
inline constexpr RateLimit key_requests{"requests", "API key", "requests"};
inline constexpr RateLimit key_transactions{"transactions", "API key", "transactions"};
inline constexpr RateLimit tenant_requests{"tenant-requests", "tenant", "requests"};
inline constexpr RateLimit tenant_transactions{"tenant-transactions", "tenant", "transactions"};
inline constexpr RateLimit tenant_kib{"tenant-kib", "tenant", "KiB of requests"};

// 429 with Retry-After, RateLimit and RateLimit-Policy.
Response rate_limited(const RateLimit& limit, const TokenBucket::Full& full);
// The same for a request that may not wait.
Response too_many_waiters(const TenantLimits& limits);
// The same for a connection more than a key may have.
Response too_many_connections_of_key(std::int64_t connections_max);

}  // namespace ledgerline::http
