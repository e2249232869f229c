#include "publish/publisher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "db/sqlstate.h"

namespace ledgerline::publish {
namespace {

milliseconds until(SteadyTime time, SteadyTime now) {
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(time - now));
}

}  // namespace

Publisher::Publisher(Options options, OutboxStore& store, bus::Producer& producer, const ProcessContext& context)
    : options_(std::move(options)),
      store_(store),
      producer_(producer),
      clock_(context.clock),
      random_(context.random),
      probe_(options_.messaging, context.metrics, context.tracer),
      database_backoff_(outage_backoff, context.random) {}

Result<milliseconds> Publisher::step() {
    const SteadyTime now = clock_.steady_now();
    if (now < database_retry_at_) return until(database_retry_at_, now);
    auto idle = run_round();
    if (!idle) return pause_for_database(idle.error());
    database_backoff_.reset();
    probe_.database_answered();
    return idle;
}

void Publisher::release() {
    const SteadyTime deadline = clock_.steady_now() + release_wait_max;
    while (!under_way_.empty() && clock_.steady_now() < deadline) {
        take_reports(std::min(deadline, clock_.steady_now() + round_wait_max));
        if (!settle()) break;
    }
    // Otherwise the next publisher sends some events again.
    if (auto written = write_hints(); !written) probe_.not_released(written.error());
    if (auto released = store_.release(options_.owner); !released) probe_.not_released(released.error());
    forget_lanes();
    probe_.released_all();
    count_stopped();
}

// One round. Returns only errors of the store; those of the bus are handled inside.
Result<milliseconds> Publisher::run_round() {
    if (clock_.steady_now() >= renew_at_) LEDGERLINE_CHECK(renew_leases());
    if (clock_.steady_now() >= backlog_at_) LEDGERLINE_CHECK(measure_backlog());
    take_reports(clock_.steady_now());
    LEDGERLINE_TRY(std::size_t published, settle());

    const std::vector<Lease> leases = lanes_to_read();
    std::vector<Run> runs;
    if (!leases.empty()) {
        LEDGERLINE_TRY(runs, read(leases));
    }
    if (!runs.empty()) {
        LEDGERLINE_TRY(const std::size_t acknowledged, publish(runs));
        published += acknowledged;
    } else if (!under_way_.empty()) {
        take_reports(clock_.steady_now() + std::min(idle_, late_wait_max));
        LEDGERLINE_TRY(const std::size_t late, settle());
        published += late;
    }
    LEDGERLINE_CHECK(note_unacknowledged());
    const milliseconds idle = idle_after(published);
    LEDGERLINE_CHECK(write_due_hints());
    return idle;
}

// Sends the runs and waits a moment for the reports. Returns how many events were published.
Result<std::size_t> Publisher::publish(std::vector<Run>& runs) {
    failpoint("publisher.read");
    await(send(runs, probe_.begin_round()));
    failpoint("publisher.produced");
    return settle();
}

Result<void> Publisher::renew_leases() {
    if (options_.others_are_dead && !others_expired_) {
        LEDGERLINE_CHECK(store_.expire_others(options_.owner));
        others_expired_ = true;
    }
    // The term counts from before the call, so that it ends here before it ends in the database.
    const SteadyTime asked_at = clock_.steady_now();
    LEDGERLINE_TRY(const auto leases, store_.renew(options_.owner, lease_term));
    adopt(leases);
    renew_at_ = asked_at + renew_interval;
    leases_end_ = asked_at + lease_term;
    return {};
}

void Publisher::adopt(std::span<const Lease> leases) {
    std::map<int, Lane> held;
    for (const Lease& lease : leases) {
        const auto known = lanes_.find(lease.lane);
        if (known == lanes_.end()) {
            held.emplace(lease.lane,
                         Lane{.lease = lease, .hint = lease.published_seq, .backoff = Backoff(lane_backoff, random_)});
            continue;
        }
        Lane lane = known->second;
        lane.hint = lease.published_seq;
        // Under the same epoch nobody else has moved the cursor.
        if (lane.lease.epoch != lease.epoch) {
            probe_.continues_elsewhere(lease);
            if (lane.lease.published_seq != lease.published_seq) lane.refusals = 0;
            lane.lease = lease;
        }
        held.emplace(lease.lane, lane);
    }
    lanes_ = std::move(held);
    probe_.holds(lanes_.size());
    count_stopped();
}

void Publisher::count_stopped() {
    std::size_t at_hole = 0, halted = 0;
    for (const auto& [number, lane] : lanes_) {
        if (lane.at_hole) ++at_hole;
        if (lane.refusals >= refusals_max) ++halted;
    }
    probe_.stopped(at_hole, halted);
}

Result<void> Publisher::measure_backlog() {
    LEDGERLINE_TRY(const Backlog backlog, store_.backlog());
    probe_.measured(backlog);
    backlog_at_ = clock_.steady_now() + backlog_interval;
    return {};
}

std::vector<Lease> Publisher::lanes_to_read() const {
    const SteadyTime now = clock_.steady_now();
    std::vector<Lease> leases;
    if (now >= leases_end_) return leases;
    for (const auto& [number, lane] : lanes_)
        if (now >= lane.retry_at && !under_way_.contains(number)) leases.push_back(lane.lease);
    return leases;
}

Result<std::vector<Publisher::Run>> Publisher::read(std::span<const Lease> leases) {
    std::size_t events_max = 1;
    for (const Lease& lease : leases) events_max = std::max(events_max, lanes_.at(lease.lane).window_max);
    const std::size_t share = std::max<std::size_t>(1, events_per_round_max / leases.size());
    LEDGERLINE_TRY(auto events, store_.read(leases, std::min(events_max, share)));
    std::vector<Run> runs;
    int stopped_lane = -1;
    for (Event& event : events) {
        if (event.lane == stopped_lane) continue;
        if (runs.empty() || runs.back().lane->lease.lane != event.lane)
            runs.push_back({.lane = &lanes_.at(event.lane), .events = {}});
        Run& run = runs.back();
        if (run.is_full) continue;
        const auto expected = run.lane->lease.published_seq + static_cast<std::int64_t>(run.events.size()) + 1;
        if (event.seq == expected) {
            take(run, std::move(event));
            continue;
        }
        // What comes before the hole is published first; the lane fails when the hole is next.
        stopped_lane = event.lane;
        if (!run.events.empty()) continue;
        LEDGERLINE_CHECK(halt_at_hole(*run.lane, event));
        runs.pop_back();
    }
    return runs;
}

// A run takes at least one event, however large.
void Publisher::take(Run& run, Event event) {
    const std::size_t bytes = event.metadata ? event.metadata->size() : 0;
    run.is_full =
        run.events.size() >= run.lane->window_max || (!run.events.empty() && run.bytes + bytes > window_bytes_max);
    if (run.is_full) return;
    run.bytes += bytes;
    run.events.push_back(std::move(event));
}

Result<void> Publisher::halt_at_hole(Lane& lane, const Event& found) {
    probe_.found_hole();
    lane.at_hole = true;
    count_stopped();
    const Error error{Disposition::stop, "lane_hole",
                      fmt::format("event {} is missing: after it comes {}. The lane stops here until it is back",
                                  lane.lease.published_seq + 1, found.seq)};
    LEDGERLINE_CHECK(record_halt(lane, error));
    return fail_lane(lane, error, lane_backoff.cap);
}

// Returns the lanes whose acknowledgements the round waits for.
std::vector<int> Publisher::send(std::vector<Run>& runs, const std::shared_ptr<PublishTrace>& trace) {
    std::vector<bus::Outgoing> batch;
    std::vector<int> awaited;
    for (Run& run : runs) {
        const Lease& lease = run.lane->lease;
        Window& window = under_way_[lease.lane];
        window.epoch = lease.epoch;
        window.first_seq = lease.published_seq + 1;
        window.reports.resize(run.events.size());
        window.trace = trace;
        window.first_in_trace = batch.size();
        for (Event& event : run.events) {
            trace->add(event);
            batch.push_back({event.lane, encode(event)});
            window.traceparents.push_back(std::move(event.traceparent));
        }
        if (!run.lane->is_slow) awaited.push_back(lease.lane);
    }
    trace->begin_round();
    probe_.sent(batch.size());
    const SteadyTime now = clock_.steady_now();
    const std::uint64_t first = producer_.send(batch);
    for (const Run& run : runs) {
        Window& window = under_way_.at(run.lane->lease.lane);
        window.sent_at = now;
        window.note_due = now + unacknowledged_note;
        lanes_by_number_[first + window.first_in_trace] = run.lane->lease.lane;
    }
    return awaited;
}

void Publisher::await(const std::vector<int>& lanes) {
    const SteadyTime deadline = clock_.steady_now() + round_wait_max;
    const auto is_open = [this](int lane) { return !under_way_.at(lane).complete(); };
    do {
        take_reports(deadline);
    } while (std::ranges::any_of(lanes, is_open) && clock_.steady_now() < deadline);
}

Result<milliseconds> Publisher::pause_for_database(const Error& error) {
    if (db::is_session_useless(error.code)) forget_lanes();
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    probe_.database_away(error);
    const milliseconds pause = database_backoff_.next();
    database_retry_at_ = clock_.steady_now() + pause;
    return pause;
}

// The next session may be to a server that lost the newest commits, as a standby may when it takes over: it gives their
// places and epochs again, to others. So the cursors start from the hints, and what is under way moves none of them.
void Publisher::forget_lanes() {
    lanes_.clear();
    renew_at_ = {};
    for (auto& [number, window] : under_way_) window.epoch = no_epoch;
}

milliseconds Publisher::idle_after(std::size_t published) {
    const SteadyTime now = clock_.steady_now();
    if (published > 0) published_at_ = now;
    const milliseconds longest = now < published_at_ + lively_for ? lively_idle_max : idle_max;
    idle_ = published > 0 ? idle_min : std::min(idle_ * 2, longest);
    if (published >= events_per_lane_max) return milliseconds(0);
    milliseconds idle = std::min(idle_, until(renew_at_, now));
    for (const auto& [number, lane] : lanes_)
        if (now < lane.retry_at) idle = std::min(idle, until(lane.retry_at, now));
    return idle;
}

}  // namespace ledgerline::publish
