// LaneHalt: why a stage of a lane stands still until somebody mends something.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace ledgerline {

// The database holds one for each stage, publish and apply, of a lane while it stands (table lane_halts). LedgerStore
// writes those of apply, OutboxStore those of publish.
struct LaneHalt {
    std::int64_t seq = 0;  // of the event that the stage does not get past
    std::string code;      // short and stable
    std::string reason;    // for people; kept up to reason_chars_max characters
    // When the stage first halted there for that code, by the database's clock. Set where a halt is read, ignored where
    // it is written.
    std::optional<WallTime> since{};

    static constexpr std::size_t reason_chars_max = 500;
};

}  // namespace ledgerline
