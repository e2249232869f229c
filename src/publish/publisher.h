// Publisher: publishes the events of the lanes whose leases it holds to the bus.
//
// Each step() reads what follows the cursors of the lanes that have nothing under way, hands it to the bus with no
// transaction open, and moves each cursor to the highest seq that the bus has acknowledged without a gap. The cursors
// are in memory; those in the database are a hint for the next publisher, written at most once a second while events
// come. It waits for the bus only briefly. A lane whose acknowledgements are late stays under way, for hours if need
// be, and late acknowledgements still count; meanwhile nothing is sent twice and the other lanes continue. A lane that
// fails backs off alone. An event that the bus refuses three times halts its lane until an operator helps. A database
// or bus that is away is retried forever. After a lost session the cursors are those in the database.
//
// Not thread-safe: step() and release() belong to one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/result.h"
#include "bus/bus.h"
#include "bus/messaging.h"
#include "observe/process_context.h"
#include "publish/outbox_store.h"
#include "publish/publish_probe.h"
#include "publish/publish_trace.h"

namespace ledgerline::publish {

class Publisher {
public:
    // A lease lasts this long on the database's clock, and is renewed this often.
    static constexpr milliseconds lease_term{5000};
    static constexpr milliseconds renew_interval{1500};
    // Limits of one round.
    static constexpr std::size_t events_per_round_max = 2000;
    static constexpr std::size_t events_per_lane_max = 500;
    // The limit of what one lane has under way: lanes whose partitions are away must not fill the client's queue.
    static constexpr std::size_t window_bytes_max = limits::kafka_queued_bytes_max / 16;
    // How long a round waits for the acknowledgements of what it sent, so that lanes move together. A round that sent
    // nothing waits for late ones.
    static constexpr milliseconds round_wait_max{50};
    static constexpr milliseconds late_wait_max{20};
    // A lane whose acknowledgements take longer sends half as much next time, down to one event.
    static constexpr milliseconds slow_acknowledgement{1000};
    // When a lane without acknowledgements is first reported, and how often after that.
    static constexpr milliseconds unacknowledged_note{3000};
    static constexpr milliseconds unacknowledged_note_interval{30'000};
    // How long release() waits for what is under way.
    static constexpr milliseconds release_wait_max{2000};
    // How often in a row an event may be refused before its lane halts, and when a halted lane is retried.
    static constexpr int refusals_max = 3;
    static constexpr milliseconds halted_retry_interval{30'000};
    // Sleep after a round that published something; it doubles with each round that found nothing: up to
    // lively_idle_max while something was published within lively_for, then up to idle_max.
    static constexpr milliseconds idle_min{1};
    static constexpr milliseconds lively_idle_max{2};
    static constexpr milliseconds lively_for{500};
    static constexpr milliseconds idle_max{200};
    // How often cursors are written while events come. They are written at once when none came for quiet_for, and when
    // a lane has got past a failure or a halt that is on record.
    static constexpr milliseconds hint_interval{1000};
    static constexpr milliseconds quiet_for{15};
    static constexpr milliseconds backlog_interval{1000};
    // For a lane that fails. One whose bus queue is full is retried sooner.
    static constexpr Backoff::Limits lane_backoff{milliseconds(10), milliseconds(2000)};
    static constexpr milliseconds full_retry_max{500};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5000)};

    struct Options {
        std::string owner;  // of the leases: unique for each start of each process
        // The caller has proof that no other publisher of this database is alive: take over their lanes at once.
        bool others_are_dead = false;
        bus::MessagingNames messaging{};  // for the spans
    };

    // Arguments passed by reference must outlive the publisher.
    Publisher(Options options, OutboxStore& store, bus::Producer& producer, const ProcessContext& context);

    // Runs one round. Returns how long to sleep unless new events are reported meanwhile; an error only when nothing
    // can succeed until somebody fixes the installation (Disposition::stop).
    Result<milliseconds> step();

    // Gives up all leases, so that others can take them at once. Best effort: otherwise they expire. The next step()
    // would take lanes again.
    void release();

    // Why cursors and leases cannot be written; empty while they can. Thread-safe.
    std::optional<std::string> trouble() const { return probe_.trouble(); }

private:
    struct Lane {
        Lease lease;            // published_seq: the cursor
        std::int64_t hint = 0;  // the cursor in the database
        Backoff backoff;
        SteadyTime retry_at{};
        bool at_hole = false;
        std::size_t window_max = events_per_lane_max;  // how many events are sent at once
        bool is_slow = false;                          // rounds do not wait for it
        int refusals = 0;                              // in a row, of the event after the cursor
        bool may_have_halt = true;                     // recorded by this publisher or its predecessor
        bool has_failure = false;                      // recorded since the hint was written
    };
    // The events that follow one lane's cursor.
    struct Run {
        Lane* lane = nullptr;
        std::vector<Event> events;  // contiguous, from the cursor on
        std::size_t bytes = 0;      // of their metadata
        bool is_full = false;       // the rest comes in another round
    };
    static constexpr std::int64_t no_epoch = -1;
    // The events of one lane that the bus has, until it has reported on each. A window outlives its lease.
    struct Window {
        std::int64_t epoch = 0;      // of the lease under which it was sent
        std::int64_t first_seq = 0;  // of its events
        std::vector<std::string> traceparents;
        std::vector<std::optional<bus::Report>> reports;
        std::size_t reported = 0;
        std::size_t acknowledged = 0;  // number of events, from the first one on
        std::size_t settled = 0;       // of those, the number the cursor has passed
        SteadyTime sent_at;
        SteadyTime note_due;
        std::shared_ptr<PublishTrace> trace;
        std::size_t first_in_trace = 0;

        bool complete() const { return reported == reports.size(); }
        // Where the cursor is unless another process has moved it.
        std::int64_t cursor() const { return first_seq - 1 + static_cast<std::int64_t>(settled); }
    };

    Result<milliseconds> run_round();
    Result<void> renew_leases();
    void adopt(std::span<const Lease> leases);
    void count_stopped();
    Result<void> measure_backlog();
    std::vector<Lease> lanes_to_read() const;
    Result<std::vector<Run>> read(std::span<const Lease> leases);
    static void take(Run& run, Event event);
    Result<void> halt_at_hole(Lane& lane, const Event& found);
    Result<std::size_t> publish(std::vector<Run>& runs);
    std::vector<int> send(std::vector<Run>& runs, const std::shared_ptr<PublishTrace>& trace);
    void await(const std::vector<int>& lanes);
    void take_reports(SteadyTime deadline);
    void take(bus::Report report);
    Result<std::size_t> settle();
    std::size_t move_cursors();
    Result<void> write_hints();
    Result<void> write_due_hints();
    Result<void> close(int number, const Window& window);
    void adjust(Lane& lane, const Window& window, SteadyTime now);
    Result<void> refuse(Lane& lane, const bus::Report& report);
    Result<void> record_halt(Lane& lane, const Error& error);
    Result<void> clear_halts(const std::vector<int>& lanes);
    Result<void> note_unacknowledged();
    Result<void> fail_lane(Lane& lane, const Error& error, milliseconds pause_max);
    Result<void> record_failure(Lane& lane, const std::string& text);
    Result<milliseconds> pause_for_database(const Error& error);
    void forget_lanes();
    milliseconds idle_after(std::size_t published);

    const Options options_;
    OutboxStore& store_;
    bus::Producer& producer_;
    const Clock& clock_;
    Random& random_;
    PublishProbe probe_;

    std::map<int, Lane> lanes_;
    std::map<int, Window> under_way_;               // by lane
    std::map<std::uint64_t, int> lanes_by_number_;  // of the first message of each window
    bool others_expired_ = false;
    SteadyTime renew_at_{};    // before the first round, and as soon as a cursor or epoch is not as expected
    SteadyTime leases_end_{};  // the earliest time at which another publisher may take these lanes
    SteadyTime backlog_at_{};
    SteadyTime hints_at_{};
    TraceContext hint_trace_;  // of the first sampled round whose events the hints have not passed yet
    Backoff database_backoff_;
    SteadyTime database_retry_at_{};
    milliseconds idle_ = idle_min;
    SteadyTime published_at_{};  // last
};

}  // namespace ledgerline::publish
