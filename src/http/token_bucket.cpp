#include "http/token_bucket.h"

#include <algorithm>

namespace ledgerline::http {

std::optional<TokenBucket::Full> TokenBucket::take(std::int64_t tokens, SteadyTime now) {
    if (per_second_ == 0 || tokens == 0) return std::nullopt;
    const nanoseconds missing = take_within(tokens, now, nanoseconds(0));
    return missing.count() > 0 ? std::optional(Full{missing, per_second_}) : std::nullopt;
}

std::chrono::nanoseconds TokenBucket::reserve(SteadyTime now, nanoseconds wait_max) {
    if (per_second_ == 0) return nanoseconds(0);
    return std::clamp(take_within(1, now, wait_max), nanoseconds(0), wait_max);
}

// Returns how long the tokens are missing still, below 0 if they are not; takes none if that is longer than wait_max.
std::chrono::nanoseconds TokenBucket::take_within(std::int64_t tokens, SteadyTime now_time, nanoseconds wait_max) {
    const std::int64_t interval = std::nano::den / per_second_, capacity = interval * per_second_;
    const std::int64_t now = nanoseconds(now_time.time_since_epoch()).count();
    const std::int64_t needed = interval * std::min(tokens, per_second_);
    std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
    while (true) {
        const std::int64_t base = std::max(full_at, now);
        const nanoseconds missing(base + needed - now - capacity);
        if (missing > wait_max ||
            full_at_.compare_exchange_weak(full_at, base + interval * tokens, std::memory_order_relaxed))
            return missing;
    }
}

}  // namespace ledgerline::http
