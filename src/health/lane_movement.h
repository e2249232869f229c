// LaneMovement: judges from looks at the cursors whether each lane's events make progress. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sql/queries.h"

namespace ledgerline::health {

// A lane's cursors, and why its stages are halted: empty when they are not.
using LanePosition = sql::HealthCursors::Row;

class LaneMovement {
public:
    // A lane with work whose cursor has not moved for this long is stuck. A halted one is stuck at once.
    static constexpr milliseconds still_max{30'000};

    // How one stage is doing on the lanes.
    struct Stage {
        std::vector<std::string> stuck;  // a sentence for each lane
        bool any_moves = false;          // whether another lane has work and moves
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
    // How long the cursor has been at `done` with work to do; zero when it moved or had no work.
    static milliseconds stood(Track& track, std::int64_t done, bool has_work, SteadyTime now);

    struct Lane {
        Track publish, apply;
    };
    std::map<int, Lane> lanes_;
};

}  // namespace ledgerline::health
