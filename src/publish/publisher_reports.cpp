// How the publisher handles the bus's reports on the messages under way.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "publish/publisher.h"

namespace ledgerline::publish {

void Publisher::take_reports(SteadyTime deadline) {
    for (bus::Report& report : producer_.collect(deadline)) take(std::move(report));
}

void Publisher::take(bus::Report report) {
    const auto next = lanes_by_number_.upper_bound(report.number);
    LEDGERLINE_ASSERT(next != lanes_by_number_.begin());
    const auto [first, lane] = *std::prev(next);
    Window& window = under_way_.at(lane);
    const auto index = static_cast<std::size_t>(report.number - first);
    LEDGERLINE_ASSERT(index < window.reports.size() && !window.reports[index]);
    if (report.fate == bus::Fate::delivered)
        probe_.delivered();
    else
        probe_.not_delivered();
    window.trace->report(window.first_in_trace + index, report.reason);
    window.reports[index] = std::move(report);
    ++window.reported;
    const auto is_acknowledged = [&](std::size_t i) {
        return i < window.reports.size() && window.reports[i] && window.reports[i]->fate == bus::Fate::delivered;
    };
    while (is_acknowledged(window.acknowledged)) ++window.acknowledged;
    if (!window.complete()) return;
    probe_.reported_all(clock_.steady_now() - window.sent_at);
    lanes_by_number_.erase(first);
}

// Moves the cursors over what was acknowledged and handles the windows that are complete. Returns how many events were
// published.
Result<std::size_t> Publisher::settle() {
    const std::size_t published = move_cursors();
    for (auto next = under_way_.begin(); next != under_way_.end();) {
        const auto [number, window] = *next;
        if (!window.complete()) {
            ++next;
            continue;
        }
        next = under_way_.erase(next);
        LEDGERLINE_CHECK(close(number, window));
    }
    return published;
}

std::size_t Publisher::move_cursors() {
    std::size_t published = 0;
    BatchLog lines = probe_.published();
    for (auto& [number, window] : under_way_) {
        const auto found = lanes_.find(number);
        if (found == lanes_.end() || window.acknowledged == window.settled) continue;
        Lane& lane = found->second;
        // Otherwise it has been rewound or lost since.
        if (lane.lease.epoch != window.epoch || lane.lease.published_seq != window.cursor()) continue;
        const std::size_t count = window.acknowledged - window.settled;
        for (std::size_t i = window.settled; i < window.acknowledged; ++i)
            lines.add(number, window.first_seq + static_cast<std::int64_t>(i), window.traceparents[i]);
        published += count;
        window.settled = window.acknowledged;
        lane.lease.published_seq = window.cursor();
        lane.backoff.reset();
        lane.at_hole = false;
        lane.refusals = 0;
        if (lane.may_have_halt || lane.has_failure) hints_at_ = {};
        // Acknowledgements may come long after the round that sent the events, and for several rounds at once.
        if (!hint_trace_.sampled) hint_trace_ = window.trace->context();
    }
    if (published > 0) count_stopped();
    return published;
}

// Writes the cursors that have moved, and clears the halts that they have passed.
Result<void> Publisher::write_hints() {
    hints_at_ = clock_.steady_now() + hint_interval;
    std::vector<Advance> advances;
    for (const auto& [number, lane] : lanes_)
        if (lane.hint != lane.lease.published_seq)
            advances.push_back({number, lane.lease.epoch, lane.hint, lane.lease.published_seq});
    if (advances.empty()) return {};
    auto moved = [&] {
        const TraceScope scope(std::exchange(hint_trace_, {}));
        return store_.advance(options_.owner, advances);
    }();
    if (!moved) {
        // It is unknown whether they were written: read the current state before doing anything else.
        renew_at_ = {};
        return std::unexpected(std::move(moved).error());
    }
    std::vector<int> freed;
    for (std::size_t i = 0; i < advances.size(); ++i) {
        if (!(*moved)[i]) {
            renew_at_ = {};  // rewound or lost
            continue;
        }
        Lane& lane = lanes_.at(advances[i].lane);
        lane.hint = advances[i].to;
        lane.has_failure = false;
        if (lane.may_have_halt) freed.push_back(advances[i].lane);
    }
    return clear_halts(freed);
}

Result<void> Publisher::write_due_hints() {
    const SteadyTime now = clock_.steady_now();
    if (now < published_at_ + quiet_for && now < hints_at_) return {};
    return write_hints();
}

// The bus has reported on all events: the fate of the first one it did not accept decides what the lane does next.
Result<void> Publisher::close(int number, const Window& window) {
    const auto found = lanes_.find(number);
    if (found == lanes_.end()) return {};
    Lane& lane = found->second;
    adjust(lane, window, clock_.steady_now());
    if (window.acknowledged == window.reports.size()) return {};
    if (lane.lease.epoch != window.epoch || lane.lease.published_seq != window.cursor()) return {};
    const bus::Report& report = *window.reports[window.acknowledged];
    if (report.fate == bus::Fate::refused) {
        // Perhaps only the batch was too large.
        lane.window_max = 1;
        if (window.acknowledged == 0) return refuse(lane, report);
    }
    // Events before it were acknowledged, which is a success; it comes first next time.
    if (window.acknowledged > 0) return {};
    return fail_lane(lane,
                     {Disposition::retry, "not_delivered",
                      fmt::format("the bus did not accept event {}: {}", lane.lease.published_seq + 1, report.reason)},
                     report.fate == bus::Fate::full ? full_retry_max : lane_backoff.cap);
}

void Publisher::adjust(Lane& lane, const Window& window, SteadyTime now) {
    const auto taken = now - window.sent_at;
    lane.is_slow = taken > round_wait_max;
    if (taken > slow_acknowledgement)
        lane.window_max = std::max<std::size_t>(1, std::min(lane.window_max, window.reports.size()) / 2);
    else if (taken < slow_acknowledgement / 2 && window.acknowledged == window.reports.size())
        lane.window_max = std::min(events_per_lane_max, lane.window_max * 2);
}

// The bus does not accept the event after the cursor as it is. That is final for this event, and its lane waits until
// somebody makes room for it; it is retried from time to time.
Result<void> Publisher::refuse(Lane& lane, const bus::Report& report) {
    const std::string text = fmt::format("the bus refuses event {}: {}", lane.lease.published_seq + 1, report.reason);
    if (++lane.refusals < refusals_max) return fail_lane(lane, {Disposition::retry, "refused", text}, lane_backoff.cap);
    const Error error{Disposition::stop, "refused", text};
    lane.retry_at = clock_.steady_now() + halted_retry_interval;
    if (lane.refusals == refusals_max) probe_.halted(lane.lease, error);
    count_stopped();
    LEDGERLINE_CHECK(record_halt(lane, error));
    return record_failure(lane, text);
}

Result<void> Publisher::record_halt(Lane& lane, const Error& error) {
    lane.may_have_halt = true;
    LEDGERLINE_CHECK(write_hints());  // the halt is that of the event after the cursor
    LEDGERLINE_CHECK(
        store_.halt(lane.lease, options_.owner, {lane.lease.published_seq + 1, error.code, error.message}));
    return {};
}

// Call for lanes that have just moved on.
Result<void> Publisher::clear_halts(const std::vector<int>& lanes) {
    if (lanes.empty()) return {};
    LEDGERLINE_CHECK(store_.clear_halts(lanes));
    for (const int number : lanes) lanes_.at(number).may_have_halt = false;
    return {};
}

// Reports lanes that have waited long for the bus, in the log and in the database.
Result<void> Publisher::note_unacknowledged() {
    const SteadyTime now = clock_.steady_now();
    for (auto& [number, window] : under_way_) {
        const auto lane = lanes_.find(number);
        if (lane == lanes_.end() || now < window.note_due) continue;
        const bool is_first = window.note_due == window.sent_at + unacknowledged_note;
        window.note_due = now + unacknowledged_note_interval;
        const std::string obstacle = producer_.obstacle(number);
        const std::string text = fmt::format("event {} is not acknowledged yet{}{}", window.cursor() + 1,
                                             obstacle.empty() ? "" : ": ", obstacle);
        if (is_first) probe_.waits_for_bus(number, text);
        LEDGERLINE_CHECK(record_failure(lane->second, text));
    }
    return {};
}

Result<void> Publisher::fail_lane(Lane& lane, const Error& error, milliseconds pause_max) {
    if (lane.backoff.failures() == 0) probe_.paused(lane.lease, error);
    lane.retry_at = clock_.steady_now() + std::min(lane.backoff.next(), pause_max);
    return record_failure(lane, error.message);
}

Result<void> Publisher::record_failure(Lane& lane, const std::string& text) {
    lane.has_failure = true;
    return store_.record_failure(lane.lease, options_.owner, text);
}

}  // namespace ledgerline::publish
