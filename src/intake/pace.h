// Pace: keeps intake from accepting faster than the worker of the same process decides, which it can where transactions
// touch several accounts: they cost less to accept than to decide.
//
//     intake   commit;  pace.accepted(accepted_at, now)
//     worker   commit;  pace.decided(newest accepted_at, now)
//     intake   wait for pace.pause(now) before the next batch
//
// The lag is that of the newest transaction of a commit: a lane that is halted or busier than others slows nobody down.
// It is a hint. What is told late, or never, makes intake as fast as it can be. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/clock.h"

namespace ledgerline::intake {

class Pace {
public:
    // From this lag on, batches wait; the longer, the larger the lag.
    static constexpr milliseconds lag_max{150};
    // The longest wait of a batch.
    static constexpr milliseconds pause_max{50};
    // What the worker told longer ago says nothing.
    static constexpr milliseconds told_max{500};

    // accepted_at: by the clock of the database, which may differ from ours.
    void accepted(WallTime accepted_at, SteadyTime now) {
        offset_ = now.time_since_epoch() - accepted_at.time_since_epoch();
    }
    void decided(WallTime accepted_at, SteadyTime now) {
        lag_ = now.time_since_epoch() - accepted_at.time_since_epoch() - offset_.load();
        told_at_ = now;
    }

    // How long the next batch is to wait.
    milliseconds pause(SteadyTime now) const {
        if (now - told_at_.load() > told_max) return {};
        const auto over = std::chrono::duration_cast<milliseconds>(lag_.load()) - lag_max;
        return std::clamp(over, milliseconds(0), pause_max);
    }

private:
    using Duration = SteadyTime::duration;

    std::atomic<Duration> offset_{};  // our steady clock's time of a moment, less the database's
    std::atomic<Duration> lag_{};
    std::atomic<SteadyTime> told_at_{};
};

}  // namespace ledgerline::intake
