// LaneHalt: why a stage of a lane is halted until somebody repairs the cause.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace ledgerline {

// While a stage of a lane, publish or apply, is halted, the database holds one for it (table lane_halts). LedgerStore
// writes those of apply, OutboxStore those of publish.
struct LaneHalt {
    std::int64_t seq = 0;  // of the event that the stage cannot get past
    std::string code;      // short and stable
    std::string reason;    // for people; truncated to reason_chars_max characters
    // When the stage first halted there with that code, by the database's clock. Set when a halt is read, ignored when
    // one is written.
    std::optional<WallTime> since{};

    static constexpr std::size_t reason_chars_max = 500;
};

}  // namespace ledgerline
