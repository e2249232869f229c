#include "publish/handed_outbox.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/limits.h"

namespace ledgerline::publish {
namespace {

std::size_t bytes_of(const Event& event) {
    const auto size_of = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
    return sizeof(Event) + event.traceparent.size() + event.idempotency_key.size() + size_of(event.legs) +
           size_of(event.reference) + size_of(event.metadata);
}

}  // namespace

void HandedOutbox::hand(std::vector<Event> events) {
    const std::lock_guard lock(mutex_);
    handed_at_ = clock_.steady_now();
    for (Event& event : events) {
        const auto known = lanes_.find(event.lane);
        if (known == lanes_.end()) continue;
        Lane& lane = known->second;
        const std::size_t bytes = bytes_of(event);
        if (kept_events_ >= kept_events_max || kept_bytes_ + bytes > kept_bytes_max) {
            lane.may_have_more = true;
            continue;
        }
        // What comes last is true: a server that lost its newest commits gives their places again.
        while (!lane.handed.empty() && lane.handed.back().seq >= event.seq) {
            uncount(lane.handed.back());
            lane.handed.pop_back();
            lane.may_have_more = true;
        }
        ++kept_events_;
        kept_bytes_ += bytes;
        lane.handed.push_back(std::move(event));
    }
}

Result<std::vector<Lease>> HandedOutbox::renew(const std::string& owner, milliseconds term) {
    auto leases = database_->renew(owner, term);
    keep_only(leases ? std::span<const Lease>(*leases) : std::span<const Lease>());
    return leases;
}

Result<void> HandedOutbox::release(const std::string& owner) {
    keep_only({});
    return database_->release(owner);
}

Result<std::vector<Event>> HandedOutbox::read(std::span<const Lease> leases, std::size_t events_max) {
    const std::size_t bytes_max = limits::publish_round_bytes_max / std::max<std::size_t>(1, leases.size());
    const SteadyTime now = clock_.steady_now();
    std::map<int, std::vector<Event>> found;
    std::vector<Lease> asked;
    {
        const std::lock_guard lock(mutex_);
        const bool look = must_look(now);
        for (const Lease& lease : leases) {
            Lane& lane = lanes_[lease.lane];
            const bool rewound = lease.published_seq < std::exchange(lane.cursor, lease.published_seq);
            auto events = take(lane, lease, events_max, bytes_max);
            if (!events.empty())
                found[lease.lane] = std::move(events);
            else if (look || rewound || lane.may_have_more || !lane.handed.empty())
                asked.push_back(lease);
        }
        if (look) looked_at_ = now;
    }
    if (!asked.empty()) {
        auto events = or_forget(database_->read(asked, events_max));
        if (!events) return events;
        for (Event& event : *events) found[event.lane].push_back(std::move(event));
        const std::lock_guard lock(mutex_);
        for (const Lease& lease : asked) lanes_[lease.lane].may_have_more = found.contains(lease.lane);
    }
    std::vector<Event> all;
    for (auto& [lane, events] : found) std::ranges::move(events, std::back_inserter(all));
    return all;
}

bool HandedOutbox::must_look(SteadyTime now) const {
    return now - handed_at_ >= look_interval || now - looked_at_ >= look_interval;
}

std::vector<Event> HandedOutbox::take(Lane& lane, const Lease& lease, std::size_t events_max, std::size_t bytes_max) {
    while (!lane.handed.empty() && lane.handed.front().seq <= lease.published_seq) pop(lane);
    std::vector<Event> events;
    std::size_t bytes = 0;
    for (const Event& event : lane.handed) {
        if (events.size() >= events_max || bytes >= bytes_max) break;
        if (event.seq != lease.published_seq + 1 + std::ssize(events)) break;
        bytes += bytes_of(event);
        events.push_back(event);
    }
    return events;
}

void HandedOutbox::pop(Lane& lane) {
    uncount(lane.handed.front());
    lane.handed.pop_front();
}

void HandedOutbox::uncount(const Event& event) {
    --kept_events_;
    kept_bytes_ -= bytes_of(event);
}

// A lane that was lost and is held again starts as an unknown one.
void HandedOutbox::keep_only(std::span<const Lease> leases) {
    const std::lock_guard lock(mutex_);
    std::set<int> held;
    for (const Lease& lease : leases) {
        held.insert(lease.lane);
        lanes_.try_emplace(lease.lane);
    }
    for (auto lane = lanes_.begin(); lane != lanes_.end();) {
        if (held.contains(lane->first)) {
            ++lane;
            continue;
        }
        while (!lane->second.handed.empty()) pop(lane->second);
        lane = lanes_.erase(lane);
    }
}

}  // namespace ledgerline::publish
