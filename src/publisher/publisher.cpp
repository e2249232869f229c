#include "publisher/publisher.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "observe/batch_log.h"
#include "observe/log.h"

namespace ledgerline {
namespace {

milliseconds until(SteadyTime time, SteadyTime now) {
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(time - now));
}

void log_published(std::span<const Event> events) {
    if (events.empty()) return;
    BatchLog lines("events published", events.front().lane);
    for (const Event& event : events) lines.add(event.seq, event.traceparent);
}

}  // namespace

Publisher::Publisher(Options options, OutboxStore& store, Producer& producer, const Clock& clock, Random& random,
                     Metrics& metrics, Tracer& tracer)
    : options_(std::move(options)),
      store_(store),
      producer_(producer),
      clock_(clock),
      random_(random),
      metrics_(metrics),
      tracer_(tracer),
      span_attributes_(messaging_attributes(options_.messaging, "publish", "send")),
      database_backoff_(outage_backoff, random),
      bus_backoff_(outage_backoff, random) {}

Result<milliseconds> Publisher::step() {
    const SteadyTime now = clock_.steady_now();
    if (now < database_retry_at_) return until(database_retry_at_, now);
    auto idle = run_round();
    if (!idle) return pause_for_database(idle.error());
    if (database_backoff_.failures() > 0) log::info("publisher: the database answers again");
    database_backoff_.reset();
    return idle;
}

void Publisher::release() {
    if (auto released = store_.release(options_.owner); !released)
        log::warn("publisher: leases not released, they expire", {{"error", released.error().message}});
    lanes_.clear();
    renew_at_ = {};
    metrics_.publisher_lanes_owned.Set(0);
    count_holes();
}

// One round. Its errors are the store's; those of the bus are dealt with inside.
Result<milliseconds> Publisher::run_round() {
    if (clock_.steady_now() >= renew_at_) LEDGERLINE_CHECK(renew_leases());
    if (clock_.steady_now() >= backlog_at_) LEDGERLINE_CHECK(measure_backlog());

    const std::vector<Lease> leases = lanes_to_read();
    if (leases.empty()) return idle_after(0);
    LEDGERLINE_TRY(std::vector<Run> runs, read(leases));
    if (runs.empty()) return idle_after(0);
    failpoint("publisher.read");
    PublishTrace trace(tracer_, options_.messaging, span_attributes_);
    LEDGERLINE_TRY(const bool taken, produce(runs, trace));
    if (!taken) return idle_after(0);
    failpoint("publisher.produced");
    const TraceScope scope(trace.context());
    LEDGERLINE_CHECK(settle(runs));

    std::size_t published = 0;
    for (const Run& run : runs) published += run.acknowledged;
    return idle_after(published);
}

Result<void> Publisher::renew_leases() {
    if (options_.others_are_dead && !others_expired_) {
        LEDGERLINE_CHECK(store_.expire_others(options_.owner));
        others_expired_ = true;
    }
    // The term counts from before the call, so that our end of it comes before the database's.
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
            held.emplace(lease.lane, Lane{lease, Backoff(lane_backoff, random_), {}});
            continue;
        }
        Lane lane = known->second;
        if (lane.lease != lease)
            log::info("publisher: lane goes on from another place",
                      {{"lane", lease.lane}, {"seq", lease.published_seq}, {"epoch", lease.epoch}});
        lane.lease = lease;
        held.emplace(lease.lane, lane);
    }
    if (held.size() != lanes_.size())
        log::info("publisher: lanes changed hands", {{"held", held.size()}, {"before", lanes_.size()}});
    lanes_ = std::move(held);
    metrics_.publisher_lanes_owned.Set(static_cast<double>(lanes_.size()));
    count_holes();
}

void Publisher::count_holes() {
    const auto holes = std::ranges::count_if(lanes_, [](const auto& entry) { return entry.second.at_hole; });
    metrics_.publisher_lanes_with_hole.Set(static_cast<double>(holes));
}

Result<void> Publisher::measure_backlog() {
    LEDGERLINE_TRY(const Backlog backlog, store_.backlog());
    metrics_.outbox_backlog_events.Set(static_cast<double>(backlog.unpublished_events));
    metrics_.outbox_oldest_event_age_seconds.Set(static_cast<double>(backlog.oldest_unapplied_age.count()));
    metrics_.dead_letters_parked.Set(static_cast<double>(backlog.dead_letters_parked));
    backlog_at_ = clock_.steady_now() + backlog_interval;
    return {};
}

std::vector<Lease> Publisher::lanes_to_read() const {
    const SteadyTime now = clock_.steady_now();
    std::vector<Lease> leases;
    if (now < bus_retry_at_ || now >= leases_end_) return leases;
    for (const auto& [number, lane] : lanes_)
        if (now >= lane.retry_at) leases.push_back(lane.lease);
    return leases;
}

Result<std::vector<Publisher::Run>> Publisher::read(std::span<const Lease> leases) {
    const std::size_t share = std::max<std::size_t>(1, events_per_round_max / leases.size());
    LEDGERLINE_TRY(auto events, store_.read(leases, std::min(events_per_lane_max, share)));
    std::vector<Run> runs;
    int stopped_lane = -1;
    for (Event& event : events) {
        if (event.lane == stopped_lane) continue;
        if (runs.empty() || runs.back().lane->lease.lane != event.lane) runs.push_back({&lanes_.at(event.lane), {}, 0});
        Run& run = runs.back();
        const auto expected = run.lane->lease.published_seq + static_cast<std::int64_t>(run.events.size()) + 1;
        if (event.seq == expected) {
            run.events.push_back(std::move(event));
            continue;
        }
        // What stands before the hole is published first; the lane fails when the hole is next.
        stopped_lane = event.lane;
        if (!run.events.empty()) continue;
        LEDGERLINE_CHECK(halt_at_hole(*run.lane, event));
        runs.pop_back();
    }
    return runs;
}

Result<void> Publisher::halt_at_hole(Lane& lane, const Event& found) {
    metrics_.publish_errors_total.Increment();
    lane.at_hole = true;
    count_holes();
    return fail_lane(lane, {Disposition::stop, "lane_hole",
                            fmt::format("event {} is missing: after it comes {}. The lane stops here until it is back",
                                        lane.lease.published_seq + 1, found.seq)});
}

// False: the bus took nothing, and a pause was made of it.
Result<bool> Publisher::produce(std::vector<Run>& runs, PublishTrace& trace) {
    std::vector<Outgoing> batch;
    for (Run& run : runs)
        for (Event& event : run.events) {
            trace.add(event);
            batch.push_back({event.lane, encode(event)});
        }
    const auto delivered = hand_over(batch, trace);
    if (!delivered) {
        metrics_.publish_errors_total.Increment(static_cast<double>(batch.size()));
        LEDGERLINE_CHECK(pause_for_bus(runs, delivered.error()));
        return false;
    }
    LEDGERLINE_ASSERT(delivered->size() == batch.size());
    if (bus_backoff_.failures() > 0) log::info("publisher: the bus answers again");
    bus_backoff_.reset();

    const auto count = std::count(delivered->begin(), delivered->end(), true);
    metrics_.events_published_total.Increment(static_cast<double>(count));
    metrics_.publish_errors_total.Increment(static_cast<double>(batch.size()) - static_cast<double>(count));
    auto flag = delivered->begin();
    for (Run& run : runs) {
        const auto end = flag + static_cast<std::ptrdiff_t>(run.events.size());
        run.acknowledged = static_cast<std::size_t>(std::find(flag, end, false) - flag);
        flag = end;
        log_published(std::span(run.events).first(run.acknowledged));
    }
    return true;
}

Result<std::vector<bool>> Publisher::hand_over(const std::vector<Outgoing>& batch, PublishTrace& trace) {
    trace.begin_round();
    metrics_.publish_batch_size.Observe(static_cast<double>(batch.size()));
    const SteadyTime begun = clock_.steady_now();
    auto delivered = producer_.publish(batch, std::min(leases_end_, begun + publish_timeout));
    metrics_.publish_duration_seconds.Observe(std::chrono::duration<double>(clock_.steady_now() - begun).count());
    if (delivered)
        trace.delivered(*delivered);
    else
        trace.failed(delivered.error());
    return delivered;
}

// Moves the cursors over what was acknowledged, and pauses the lanes of which nothing was.
Result<void> Publisher::settle(std::vector<Run>& runs) {
    std::vector<Advance> advances;
    for (const Run& run : runs) {
        const Lease& lease = run.lane->lease;
        if (run.acknowledged > 0)
            advances.push_back({lease.lane, lease.epoch, lease.published_seq,
                                lease.published_seq + static_cast<std::int64_t>(run.acknowledged)});
    }
    if (!advances.empty()) {
        auto moved = store_.advance(options_.owner, advances);
        if (!moved) {
            // Whether the cursors moved is not known: what is true now must be read before anything else is done.
            renew_at_ = {};
            return std::unexpected(std::move(moved).error());
        }
        for (std::size_t i = 0; i < advances.size(); ++i) {
            Lane& lane = lanes_.at(advances[i].lane);
            lane.backoff.reset();
            lane.at_hole = false;
            if ((*moved)[i])
                lane.lease.published_seq = advances[i].to;
            else
                renew_at_ = {};  // rewound or lost
        }
        count_holes();
    }
    for (Run& run : runs)
        if (run.acknowledged == 0)
            LEDGERLINE_CHECK(fail_lane(
                *run.lane, {Disposition::retry, "not_delivered",
                            fmt::format("the bus did not take event {}", run.lane->lease.published_seq + 1)}));
    return {};
}

Result<void> Publisher::fail_lane(Lane& lane, const Error& error) {
    if (lane.backoff.failures() == 0)
        log::write(error.disposition == Disposition::stop ? log::Level::error : log::Level::warn,
                   "publisher: lane pauses",
                   {{"lane", lane.lease.lane}, {"seq", lane.lease.published_seq + 1}, {"error", error.message}});
    lane.retry_at = clock_.steady_now() + lane.backoff.next();
    return store_.record_failure(lane.lease, options_.owner, error.message);
}

Result<void> Publisher::pause_for_bus(std::vector<Run>& runs, const Error& error) {
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    if (bus_backoff_.failures() == 0) log::warn("publisher: the bus is away", {{"error", error.message}});
    bus_retry_at_ = clock_.steady_now() + bus_backoff_.next();
    for (const Run& run : runs) LEDGERLINE_CHECK(store_.record_failure(run.lane->lease, options_.owner, error.message));
    return {};
}

Result<milliseconds> Publisher::pause_for_database(const Error& error) {
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    if (database_backoff_.failures() == 0)
        log::warn("publisher: the database is away", {{"code", error.code}, {"error", error.message}});
    const milliseconds pause = database_backoff_.next();
    database_retry_at_ = clock_.steady_now() + pause;
    return pause;
}

milliseconds Publisher::idle_after(std::size_t published) {
    const SteadyTime now = clock_.steady_now();
    idle_ = published > 0 ? idle_min : std::min(idle_ * 2, idle_max);
    if (published >= events_per_lane_max) return milliseconds(0);
    milliseconds idle = std::min(idle_, until(renew_at_, now));
    if (now < bus_retry_at_) idle = std::min(idle, until(bus_retry_at_, now));
    for (const auto& [number, lane] : lanes_)
        if (now < lane.retry_at) idle = std::min(idle, until(lane.retry_at, now));
    return idle;
}

}  // namespace ledgerline
