// HandedPlaces: the newest places that intake of the same process has committed, so that its workers need not read them
// back.
//
//     intake   commit;  places.hand(events)
//     worker   places.take(lane, refs)        // nothing: read them from the database
//
// What was handed is a copy of committed rows and may be lost at any time. No promise rests on it: decisions are
// written only where the database holds these events at these places. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "apply/ledger_store.h"
#include "domain/event.h"

namespace ledgerline::apply {

class HandedPlaces {
public:
    // Of a lane. The oldest make room: those of a lane that no worker of this process has are never taken.
    static constexpr std::size_t kept_max = 1000;

    // Committed events, ascending within each lane. What deciding them does not need is not kept.
    void hand(std::span<const Event> events);

    // The places of the lane that refs name, at least one and ascending without gaps: all of them, or none. Forgets
    // them and what is before them.
    std::vector<Event> take(int lane, std::span<const EventRef> refs);

private:
    std::mutex mutex_;
    std::map<int, std::deque<Event>> lanes_;  // ascending
};

}  // namespace ledgerline::apply
