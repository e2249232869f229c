// Publisher: announces the events of the lanes it holds leases for on the bus.
//
// One step() reads what follows each lane's cursor, produces it with no transaction open, and moves each cursor to the
// highest seq that the bus has acknowledged without a gap. A lane that fails backs off by itself; the others go on.
// A database or bus that is away is waited for, for ever.
//
// Not thread-safe: step() and release() belong to one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "bus/bus.h"
#include "bus/messaging.h"
#include "observe/metrics.h"
#include "observe/tracer.h"
#include "publisher/outbox_store.h"
#include "publisher/publish_trace.h"

namespace ledgerline {

class Publisher {
public:
    // A lease runs this long on the database's clock, and is renewed this often.
    static constexpr milliseconds lease_term{5000};
    static constexpr milliseconds renew_interval{1500};
    // What one round takes at most.
    static constexpr std::size_t events_per_round_max = 2000;
    static constexpr std::size_t events_per_lane_max = 500;
    // How long one round waits for the bus, and never longer than the leases are sure to run.
    static constexpr milliseconds publish_timeout{3000};
    // Sleep after a round that published something; it doubles with every round that found nothing.
    static constexpr milliseconds idle_min{1};
    static constexpr milliseconds idle_max{200};
    static constexpr milliseconds backlog_interval{1000};
    // A lane that the bus refuses is often only full, so it is tried again soon; a server that is away, less often.
    static constexpr Backoff::Limits lane_backoff{milliseconds(10), milliseconds(500)};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5000)};

    struct Options {
        std::string owner;  // of the leases: another one for every start of every process
        // The caller has proof that no other publisher of this database is alive: take their lanes over at once.
        bool others_are_dead = false;
        MessagingNames messaging{};  // for the spans
    };

    // Everything passed by reference must outlive the publisher.
    Publisher(Options options, OutboxStore& store, Producer& producer, const Clock& clock, Random& random,
              Metrics& metrics, Tracer& tracer = Tracer::off());

    // Does one round. Returns how long to sleep if nobody reports new events meanwhile; an error only when nothing can
    // succeed until somebody mends the installation (Disposition::stop).
    Result<milliseconds> step();

    // Gives all leases up, for others to take at once. Best effort: without it they expire. The next step() would take
    // lanes again.
    void release();

private:
    struct Lane {
        Lease lease;
        Backoff backoff;
        SteadyTime retry_at{};
        bool at_hole = false;
    };
    // The events of one lane in this round, and how far they got.
    struct Run {
        Lane* lane = nullptr;
        std::vector<Event> events;     // contiguous, from the cursor on
        std::size_t acknowledged = 0;  // of events, from the first one on
    };

    Result<milliseconds> run_round();
    Result<void> renew_leases();
    void adopt(std::span<const Lease> leases);
    void count_holes();
    Result<void> measure_backlog();
    std::vector<Lease> lanes_to_read() const;
    Result<std::vector<Run>> read(std::span<const Lease> leases);
    Result<void> halt_at_hole(Lane& lane, const Event& found);
    Result<bool> produce(std::vector<Run>& runs, PublishTrace& trace);
    Result<std::vector<bool>> hand_over(const std::vector<Outgoing>& batch, PublishTrace& trace);
    Result<void> settle(std::vector<Run>& runs);
    Result<void> fail_lane(Lane& lane, const Error& error);
    Result<void> pause_for_bus(std::vector<Run>& runs, const Error& error);
    Result<milliseconds> pause_for_database(const Error& error);
    milliseconds idle_after(std::size_t published);

    const Options options_;
    OutboxStore& store_;
    Producer& producer_;
    const Clock& clock_;
    Random& random_;
    Metrics& metrics_;
    Tracer& tracer_;
    const SpanAttributes span_attributes_;  // of every event's span

    std::map<int, Lane> lanes_;
    bool others_expired_ = false;
    SteadyTime renew_at_{};    // renew before the first round, and as soon as a cursor or epoch surprised us
    SteadyTime leases_end_{};  // when, at the earliest, another publisher may take our lanes
    SteadyTime backlog_at_{};
    Backoff database_backoff_;
    SteadyTime database_retry_at_{};
    Backoff bus_backoff_;
    SteadyTime bus_retry_at_{};
    milliseconds idle_ = idle_min;
};

}  // namespace ledgerline
