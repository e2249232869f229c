// TenantLimits: what all keys of a tenant together may do, in each instance; TenantUse: what they did.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/tenant.h"
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
    std::atomic<std::int64_t> waiters = 0;
};

// The right of one request to wait, for as long as this exists.
class WaitSeat {
public:
    // Nothing when as many requests of the tenant wait as may. use: null when the tenant has no limits.
    static std::optional<WaitSeat> take(std::shared_ptr<TenantUse> use);
    WaitSeat(WaitSeat&&) noexcept = default;
    WaitSeat& operator=(WaitSeat&&) = delete;
    ~WaitSeat() {
        if (use_) --use_->waiters;
    }

private:
    explicit WaitSeat(std::shared_ptr<TenantUse> use) : use_(std::move(use)) {}

    std::shared_ptr<TenantUse> use_;
};

}  // namespace ledgerline::http
