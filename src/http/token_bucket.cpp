#include "http/token_bucket.h"

#include <algorithm>

namespace ledgerline::http {

std::optional<TokenBucket::Full> TokenBucket::take(std::int64_t tokens, SteadyTime now_time) {
    if (per_second_ == 0 || tokens == 0) return std::nullopt;
    const std::int64_t interval = std::nano::den / per_second_, capacity = interval * per_second_;
    const std::int64_t now = nanoseconds(now_time.time_since_epoch()).count();
    const std::int64_t needed = interval * std::min(tokens, per_second_);
    std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
    while (true) {
        const std::int64_t base = std::max(full_at, now);
        const std::int64_t missing = base + needed - now - capacity;
        if (missing > 0) return Full{nanoseconds(missing), per_second_};
        if (full_at_.compare_exchange_weak(full_at, base + interval * tokens, std::memory_order_relaxed))
            return std::nullopt;
    }
}

std::chrono::nanoseconds RefusalPace::charge(SteadyTime now_time) {
    constexpr std::int64_t interval = std::nano::den / per_second, at_once = interval * per_second;
    const std::int64_t now = std::chrono::nanoseconds(now_time.time_since_epoch()).count();
    std::int64_t paid_at = paid_at_.load(std::memory_order_relaxed);
    while (true) {
        const std::int64_t next = std::max(paid_at, now) + interval;
        const std::int64_t wait = std::clamp<std::int64_t>(next - at_once - now, 0, wait_max.count());
        if (wait == wait_max.count()) return wait_max;
        if (paid_at_.compare_exchange_weak(paid_at, next, std::memory_order_relaxed))
            return std::chrono::nanoseconds(wait);
    }
}

}  // namespace ledgerline::http
