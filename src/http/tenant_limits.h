// TenantLimits: what all keys of a tenant together may do, in each instance; TenantUse: what they did.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/tenant.h"
#include "http/seat.h"
#include "http/token_bucket.h"

namespace ledgerline::http {

// Nothing: no limit.
struct TenantLimits {
    std::optional<std::int64_t> requests_per_second;
    std::optional<std::int64_t> transactions_per_second;
    std::optional<std::int64_t> request_kib_per_second;  // of bodies; each counts what it begins
    std::optional<std::int64_t> waiters_max;             // requests that wait for something to happen

    bool operator==(const TenantLimits&) const = default;
};

struct KnownTenant {
    std::string name;
    int id = default_tenant;
    TenantLimits limits = {};
};

// Safe to use from any thread.
struct TenantUse {
    explicit TenantUse(const TenantLimits& its_limits)
        : limits(its_limits),
          requests(limits.requests_per_second),
          transactions(limits.transactions_per_second),
          request_kib(limits.request_kib_per_second) {}

    const TenantLimits limits;
    TokenBucket requests, transactions, request_kib;
    TokenBucket refusals{refusals_per_second};
    std::atomic<std::int64_t> waiters = 0;
};

// For a request that waits. use: null when the tenant has no limits.
inline std::optional<Seat> take_wait_seat(const std::shared_ptr<TenantUse>& use) {
    if (!use) return Seat::take(nullptr, 0);
    return Seat::take({use, &use->waiters}, use->limits.waiters_max.value_or(INT64_MAX));
}

}  // namespace ledgerline::http
