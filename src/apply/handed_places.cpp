#include "apply/handed_places.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ledgerline::apply {
namespace {

// The event without the texts that only its readers need.
Event for_decision(const Event& event) {
    Event kept;
    kept.event_id = event.event_id;
    kept.lane = event.lane;
    kept.seq = event.seq;
    kept.schema_version = event.schema_version;
    kept.occurred_at = event.occurred_at;
    kept.traceparent = event.traceparent;
    kept.transaction_id = event.transaction_id;
    kept.account_id = event.account_id;
    kept.net_cents = event.net_cents;
    kept.places = event.places;
    kept.is_first = event.is_first;
    kept.amount_cents = event.amount_cents;
    kept.currency = event.currency;
    kept.type = event.type;
    kept.parent_id = event.parent_id;
    kept.previous_id = event.previous_id;
    return kept;
}

}  // namespace

void HandedPlaces::hand(std::span<const Event> events) {
    const std::lock_guard lock(mutex_);
    for (const Event& event : events) {
        std::deque<Event>& lane = lanes_[event.lane];
        // What comes last is true: a server that lost its newest commits gives their places again.
        while (!lane.empty() && lane.back().seq >= event.seq) lane.pop_back();
        if (lane.size() >= kept_max) lane.pop_front();
        lane.push_back(for_decision(event));
    }
}

std::vector<Event> HandedPlaces::take(int lane, std::span<const EventRef> refs) {
    const std::lock_guard lock(mutex_);
    std::deque<Event>& handed = lanes_[lane];
    const auto first = std::ranges::lower_bound(handed, refs.front().seq, {}, &Event::seq);
    std::vector<Event> taken;
    const auto is_named = [](const Event& event, const EventRef& ref) {
        return event.seq == ref.seq && event.event_id == ref.event_id;
    };
    const auto end = first + std::min(std::ssize(refs), handed.end() - first);
    if (std::ranges::equal(first, end, refs.begin(), refs.end(), is_named))
        taken.assign(std::make_move_iterator(first), std::make_move_iterator(end));
    handed.erase(handed.begin(), std::ranges::upper_bound(handed, refs.back().seq, {}, &Event::seq));
    return taken;
}

}  // namespace ledgerline::apply
