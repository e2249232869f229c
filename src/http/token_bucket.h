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

private:
    using nanoseconds = std::chrono::nanoseconds;
    const std::int64_t per_second_;
    std::atomic<std::int64_t> full_at_{INT64_MIN};  // when it will be full, on the steady clock
};

// RefusalPace: how fast a client that exceeds its limits is told so. As many answers as fit into a second go at once;
// of more, each waits until it is its turn. Lock-free; safe to use from any thread.
class RefusalPace {
public:
    static constexpr std::int64_t per_second = 200;
    static constexpr std::chrono::nanoseconds wait_max{1'000'000'000};

    // How long the next one waits, at most wait_max.
    std::chrono::nanoseconds charge(SteadyTime now);

private:
    std::atomic<std::int64_t> paid_at_{INT64_MIN};  // when all of them fit into the pace, on the steady clock
};

}  // namespace ledgerline::http
