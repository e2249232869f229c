// HeadWatch: whether the event that a lane waits for comes, again and again, as a message that nobody recognises.
//
// A bus that loses an event delivers nothing, and one more rewind brings it. But where something between publisher and
// worker damages our messages or takes them elsewhere, each rewind brings the same, and to ask again at once would go
// on for ever. No I/O. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "bus/bus.h"

namespace ledgerline::apply {

class HeadWatch {
public:
    // So often in a row the event must have come unrecognised before its lane halts.
    static constexpr int deliveries_max = 3;
    // Different foreign messages of one lane that are remembered while its cursor stands still.
    static constexpr std::size_t remembered_max = 10'000;

    // A message in the lane's partition, or one that claims to be of the lane, is foreign. Returns whether it is to be
    // kept as a dead letter: once the event has come unrecognised, what comes again is not kept again, and neither is
    // what goes beyond remembered_max.
    bool keep_foreign(std::int64_t applied_seq, const Message& message, const std::string& reason);

    // The event after the cursor should have come and did not. Returns how often in a row it was foreign messages that
    // came in its place.
    int missed(std::int64_t applied_seq);
    // How often in all it has been missed, at this place of the cursor.
    int misses() const { return misses_; }

    // Why the last foreign message was one.
    const std::string& reason() const { return reason_; }

private:
    void move_to(std::int64_t applied_seq);

    std::int64_t applied_seq_ = -1;
    int misses_ = 0;
    int deliveries_ = 0;
    bool returned_ = false;      // the event after this cursor has come unrecognised
    bool foreign_came_ = false;  // since the event was missed last
    std::string reason_;
    std::unordered_set<std::size_t> remembered_;  // hashes
};

}  // namespace ledgerline::apply
