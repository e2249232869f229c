// LaneMovement: whether each lane's events move on, from looks at the cursors. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"

namespace ledgerline::health {

struct LanePosition {
    int lane = 0;
    std::int64_t last_seq = 0, published_seq = 0, applied_seq = 0;
    std::string publish_halt{}, apply_halt{};  // why the stage stands halted; empty when it does not
};

class LaneMovement {
public:
    // A lane with something to do that has stood this long is stuck. One that stands halted is so at once.
    static constexpr milliseconds still_max{30'000};

    // What one stage does with the lanes.
    struct Stage {
        std::vector<std::string> stuck;  // a sentence for each lane
        bool any_moves = false;          // whether another lane has something to do, and moves
    };
    struct Seen {
        Stage publish, apply;
    };

    // now must not go back.
    Seen note(std::span<const LanePosition> positions, SteadyTime now);

private:
    struct Track {
        std::int64_t done = -1;
        SteadyTime since{};
    };
    // How long the cursor has stood at done with something to do; zero when it moved or had nothing to do.
    static milliseconds stood(Track& track, std::int64_t done, bool has_work, SteadyTime now);

    struct Lane {
        Track publish, apply;
    };
    std::map<int, Lane> lanes_;
};

}  // namespace ledgerline::health
