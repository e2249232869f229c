// TokenBucket: how much of something may happen in a second. It holds as many tokens as come in one second, so a burst
// gets no more than that at once. Lock-free; safe to use from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace ledgerline::http {

class TokenBucket {
public:
    static constexpr std::int64_t per_second_max = 1'000'000;
    // per_second: 1 to per_second_max; nothing: no limit.
    explicit TokenBucket(std::optional<std::int64_t> per_second) : per_second_(per_second.value_or(0)) {}

    struct Full {
        std::chrono::nanoseconds retry_after;
        std::int64_t per_second;
    };
    // Takes that many tokens, or none and says when they will be there. More than the bucket holds are given when it is
    // full, and paid off before anybody else gets one.
    std::optional<Full> take(std::int64_t tokens, SteadyTime now);
    // Takes one token, now or ahead of its time. Returns how long until it is there; wait_max, and takes none, if that
    // is longer.
    std::chrono::nanoseconds reserve(SteadyTime now, std::chrono::nanoseconds wait_max);

private:
    using nanoseconds = std::chrono::nanoseconds;
    nanoseconds take_within(std::int64_t tokens, SteadyTime now, nanoseconds wait_max);

    const std::int64_t per_second_;
    std::atomic<std::int64_t> full_at_{INT64_MIN};  // when it will be full, on the steady clock
};

// A key, or else a tenant, that exceeds its limits gets so many answers in a second at once; of more, each waits until
// it fits into that pace.
inline constexpr std::int64_t refusals_per_second = 200;
inline constexpr std::chrono::seconds refusal_wait_max{1};

}  // namespace ledgerline::http
