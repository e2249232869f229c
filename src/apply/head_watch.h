// HeadWatch: detects that the event a lane waits for comes again and again as a message that cannot be recognised.
//
// A bus that loses an event delivers nothing, and another rewind brings it. But where something between publisher and
// worker damages messages or moves them to another partition, each rewind has the same result, and rewinding at once
// would never end. No I/O. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "bus/bus.h"

namespace ledgerline::apply {

class HeadWatch {
public:
    // How often in a row the event must come unrecognised before its lane halts.
    static constexpr int deliveries_max = 3;
    // How many different foreign messages of a lane are remembered while its cursor does not move.
    static constexpr std::size_t remembered_max = 10'000;

    // Takes note of a foreign message in the lane's partition, or one that claims this lane. Returns whether to keep it
    // as a dead letter: once the event has come unrecognised, repetitions are not kept, and neither is anything beyond
    // remembered_max.
    bool keep_foreign(std::int64_t applied_seq, const Message& message, const std::string& reason);

    // The event after the cursor should have come and did not. Returns how often in a row foreign messages came
    // instead.
    int missed(std::int64_t applied_seq);
    // How often it has been missed in all, at the current cursor.
    int misses() const { return misses_; }

    // Why the last foreign message was foreign.
    const std::string& reason() const { return reason_; }

private:
    void move_to(std::int64_t applied_seq);

    std::int64_t applied_seq_ = -1;
    int misses_ = 0;
    int deliveries_ = 0;
    bool returned_ = false;      // the event after this cursor has come unrecognised
    bool foreign_came_ = false;  // since the event was last missed
    std::string reason_;
    std::unordered_set<std::size_t> remembered_;  // hashes
};

}  // namespace ledgerline::apply
