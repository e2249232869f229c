#include "feed/topic_publisher.h"

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "db/sqlstate.h"

namespace ledgerline::feed {

TopicPublisher::TopicPublisher(std::string owner, TopicStart start, TopicStore& store, bus::Producer& producer,
                               const ProcessContext& context)
    : owner_(std::move(owner)),
      start_(start),
      store_(store),
      producer_(producer),
      clock_(context.clock),
      random_(context.random),
      probe_(context.metrics),
      database_backoff_(outage_backoff, context.random) {}

Result<milliseconds> TopicPublisher::step() {
    const SteadyTime now = clock_.steady_now();
    if (now < retry_at_) {
        take_reports(now);
        return std::chrono::ceil<milliseconds>(retry_at_ - now);
    }
    auto idle = run_round();
    if (idle) {
        database_backoff_.reset();
        probe_.database_answered();
        return idle;
    }
    if (db::is_session_useless(idle.error().code)) forget_lanes();
    if (idle.error().disposition == Disposition::stop) return idle;
    probe_.database_away(idle.error());
    const milliseconds pause = database_backoff_.next();
    retry_at_ = clock_.steady_now() + pause;
    return pause;
}

// The next session may be to a server that lost the newest decisions, as a standby may when it takes over: others come
// in their places. So the places in memory hold no longer than the session.
void TopicPublisher::forget_lanes() {
    lanes_.clear();
    leases_at_ = {};
}

// Returns only errors of the store.
Result<milliseconds> TopicPublisher::run_round() {
    take_reports(clock_.steady_now());
    settle();
    if (clock_.steady_now() >= leases_at_) LEDGERLINE_CHECK(read_leases());
    const std::vector<LanePlace> from = places_to_read();
    std::vector<std::shared_ptr<const Outcome>> outcomes;
    if (!from.empty()) {
        LEDGERLINE_TRY(outcomes, store_.read(from, rows_per_round_max, bytes_per_round_max));
    }
    send(outcomes);
    failpoint("outcomes.produced");
    take_reports(clock_.steady_now() + round_wait_max);
    settle();
    idle_ = outcomes.empty() ? std::min(idle_ * 2, idle_max) : idle_min;
    if (clock_.steady_now() >= note_at_ || idle_ == idle_max) LEDGERLINE_CHECK(note());
    if (clock_.steady_now() >= lag_at_) LEDGERLINE_CHECK(measure());
    return outcomes.size() < rows_per_round_max / 2 ? idle_ : milliseconds(0);
}

void TopicPublisher::release() {
    take_reports(clock_.steady_now());
    settle();
    static_cast<void>(note());
}

Result<void> TopicPublisher::read_leases() {
    LEDGERLINE_TRY(const auto leases, store_.leases(owner_));
    leases_at_ = clock_.steady_now() + lease_interval;
    return adopt(leases);
}

// A lane that is held already keeps its place: the topic has what this process was told that it has. What the database
// has of it may be less than was noted: nothing is written under an epoch that has passed, as after a rewind.
Result<void> TopicPublisher::adopt(const std::vector<TopicLease>& leases) {
    FeedPosition begin;
    const auto is_new = [](const TopicLease& lease) { return !lease.told; };
    if (start_ == TopicStart::latest && std::ranges::any_of(leases, is_new)) {
        LEDGERLINE_TRY(begin, store_.ends());
    }
    std::erase_if(lanes_, [&](const auto& held) {
        return std::ranges::find(leases, held.first, &TopicLease::lane) == leases.end();
    });
    for (const TopicLease& lease : leases) {
        const FeedPlace told = lease.told.value_or(begin.at(lease.lane));
        const auto [at, added] = lanes_.try_emplace(lease.lane, Lane{.told = told,
                                                                     .noted = told,
                                                                     .known = lease.told.has_value(),
                                                                     .sent = told,
                                                                     .under_way = {},
                                                                     .failure = {},
                                                                     .backoff = Backoff(lane_backoff, random_)});
        at->second.epoch = lease.epoch;
        at->second.known = lease.told.has_value();
        at->second.noted = told;
    }
    return {};
}

// A lane of which something was not taken waits until the bus has reported on the rest of what it has.
std::vector<LanePlace> TopicPublisher::places_to_read() const {
    const SteadyTime now = clock_.steady_now();
    std::vector<LanePlace> places;
    if (lanes_by_number_.size() >= under_way_max) return places;
    for (const auto& [number, lane] : lanes_)
        if (lane.failure.empty() && now >= lane.retry_at && lane.under_way.size() < lane_under_way_max)
            places.push_back({number, lane.epoch, lane.sent});
    return places;
}

void TopicPublisher::send(const std::vector<std::shared_ptr<const Outcome>>& outcomes) {
    std::vector<bus::Outgoing> batch;
    std::vector<const Outcome*> sent;
    batch.reserve(outcomes.size());
    for (const auto& outcome : outcomes) {
        Message message = encode(*outcome);
        if (!fits(*outcome, message)) continue;
        batch.push_back({outcome->lane, std::move(message)});
        sent.push_back(outcome.get());
    }
    if (batch.empty()) return;
    std::uint64_t number = producer_.send(batch);
    for (const Outcome* outcome : sent) {
        Lane& lane = lanes_.at(outcome->lane);
        lane.sent = outcome->place;
        lane.under_way.push_back({number, outcome->place, false});
        ++lane.unreported;
        lanes_by_number_.emplace(number++, outcome->lane);
    }
}

// One that is too large stops its lane: what follows it must not arrive first.
bool TopicPublisher::fits(const Outcome& outcome, const Message& message) {
    Lane& lane = lanes_.at(outcome.lane);
    if (lane.failure.empty() && wire_bytes_max(message) > producer_.message_bytes_max())
        lane.failure = "outcome " + outcome.id + " is larger than the topic or a broker accepts";
    return lane.failure.empty();
}

// Until the deadline, unless nothing is under way.
void TopicPublisher::take_reports(SteadyTime deadline) {
    do {
        for (const bus::Report& report : producer_.collect(deadline)) take(report);
    } while (!lanes_by_number_.empty() && clock_.steady_now() < deadline);
}

void TopicPublisher::take(const bus::Report& report) {
    const auto of = lanes_by_number_.extract(report.number);
    const auto held = of.empty() ? lanes_.end() : lanes_.find(of.mapped());
    if (held == lanes_.end()) return;  // the lane is another publisher's now
    Lane& lane = held->second;
    const auto sent = std::ranges::lower_bound(lane.under_way, report.number, {}, &Sent::number);
    if (sent == lane.under_way.end() || sent->number != report.number)
        return;  // of an earlier time that this process held the lane
    --lane.unreported;
    if (report.fate == bus::Fate::delivered)
        sent->delivered = true;
    else if (lane.failure.empty())
        lane.failure = report.reason.empty() ? "the bus did not take it" : report.reason;
}

void TopicPublisher::settle() {
    for (auto& [number, lane] : lanes_) settle(number, lane);
}

// Moves over what was delivered without a gap. Once everything was reported on, what is left is sent again.
void TopicPublisher::settle(int number, Lane& lane) {
    std::size_t moved = 0;
    for (; !lane.under_way.empty() && lane.under_way.front().delivered; ++moved) {
        lane.told = lane.under_way.front().place;
        lane.under_way.pop_front();
    }
    if (moved > 0) {
        probe_.published(moved);
        lane.backoff.reset();
        if (lane.failure.empty()) probe_.lane_moved(number);
    }
    if (lane.failure.empty() || lane.unreported > 0) return;
    probe_.lane_stopped(number, std::exchange(lane.failure, ""));
    lane.under_way.clear();
    lane.sent = lane.told;
    lane.retry_at = clock_.steady_now() + lane.backoff.next();
}

Result<void> TopicPublisher::note() {
    std::vector<LanePlace> places;
    for (const auto& [number, lane] : lanes_)
        if (!lane.known || lane.noted < lane.told) places.push_back({number, lane.epoch, lane.told});
    note_at_ = clock_.steady_now() + note_interval;
    if (places.empty()) return {};
    LEDGERLINE_CHECK(store_.note_told(owner_, places));
    for (const LanePlace& each : places) {
        Lane& lane = lanes_.at(each.lane);
        lane.noted = each.place;
        lane.known = true;
    }
    return {};
}

Result<void> TopicPublisher::measure() {
    LEDGERLINE_TRY(const TopicLag lag, store_.lag());
    probe_.lag(lag);
    lag_at_ = clock_.steady_now() + lag_interval;
    return {};
}

}  // namespace ledgerline::feed
