// Worker: takes messages from the bus, proves them against the database, and applies their events.
//
// One member of the consumer group, driven by one thread through step(). It follows this lane protocol:
//   - a message that claims a seq at or below the apply cursor is a duplicate and is dropped;
//   - the run that continues the cursor is applied in batches; one transaction takes those of all lanes that have one;
//   - a proven message further ahead means that the bus lost something: it is dropped, and the publisher is asked, once
//     for each position of the cursor, to send everything after the cursor again (rewind);
//   - silence is a gap too: when a partition has nothing more and the cursor is below published_seq, it also rewinds;
//   - a foreign message becomes a dead letter without a transaction and moves no cursor;
//   - an event that cannot be applied becomes a dead letter, and the cursor moves over it in the same transaction.
//
// A transaction of several accounts is applied when it is next in the lanes of all of them, and moves past it in all of
// them at once. The store takes what the worker was not told of from the database, lanes of other workers among it: who
// is told of a lane decides nothing. Only a worker that has been told of an event can make it a dead letter; lanes that
// wait for it meanwhile look again at short intervals.
//
// A lane that cannot continue until somebody fixes something halts: it reports that once (log, gauge, table
// lane_halts), retries at long intervals, and recovers without help. It halts when its events fail one after the other
// for the same unknown reason, when its next event has come three times as a foreign message, when that event needs a
// newer worker, and when its dead letter cannot be written.
//
// Failures are sorted by db/sqlstate.h. An outage pauses the lane, or the worker when the database is away, with
// growing delays and without end. When the database refuses the events of several lanes, each lane gets a transaction
// of its own; a batch that it refuses still is halved until the guilty event is alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apply/apply_probe.h"
#include "apply/lane.h"
#include "apply/ledger_store.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "bus/messaging.h"
#include "observe/process_context.h"

namespace ledgerline::apply {

// How a busy worker gathers. A round costs the database as much as 30 of its events: so after a poll that brought
// several, the next one waits for as long as more come.
struct Gathering {
    std::size_t busy_messages_min = 6;  // several
    std::size_t messages_enough = 200;  // for which it does not wait any longer
    milliseconds step{3};               // without any, it waits no longer
    milliseconds max{10};               // all steps together
};

struct WorkerConfig {
    std::size_t messages_max = 2000;  // per poll
    milliseconds poll_wait{200};      // for the first message
    Gathering gathering{};
    // How long a round applies before it polls again. Even with one more batch this stays far below the time between
    // polls after which the group gives a member's partitions to others (60 s), however slow the database is.
    milliseconds apply_max{2000};
    std::size_t applied_at_once_max = 1000;  // events in one transaction
    milliseconds tail_check_interval{500};   // between checks whether silence hides a loss
    int unknown_attempts_max = 5;            // per event that fails for an unknown reason
    int streak_max = 3;                      // events in a row failing so: an unrecognised outage, the lane halts
    milliseconds halted_retry_interval{30'000};
    int rewinds_at_once_max = 3;  // for one missing event; then with growing pauses, up to the interval above
    milliseconds version_retry_interval{5'000};  // an event of a newer version waits for a newer worker
    milliseconds waiting_retry_interval{50};     // an event waits for another lane, which cannot be decided
    Backoff::Limits backoff{};
    bus::MessagingNames messaging{};  // for the spans
};

class Worker {
public:
    // Called on the worker's thread after outcomes were committed. newest: when the newest of them was accepted, by the
    // clock of the database.
    using OnOutcome = std::function<void(WallTime newest)>;

    // Arguments passed by reference must outlive the worker.
    Worker(const WorkerConfig& config, bus::Consumer& consumer, LedgerStore& store, OnOutcome on_outcome,
           const ProcessContext& context);

    // One round: poll, prove, apply, look for losses, commit offsets. Returns how long nothing will be due. An error
    // always has disposition stop and ends the role.
    Result<milliseconds> step();

    // Why no lane can be applied; empty while lanes can. Thread-safe.
    std::optional<std::string> trouble() const { return probe_.trouble(); }

private:
    // Messages whose claim leaves a gap, and which may therefore be forged, until proof decides.
    struct Doubtful {
        Announcement announcement;
        bus::Incoming incoming;
    };

    Result<void> round();
    Result<void> load_lanes(bool may_check_tails);
    Result<void> poll();
    void gather(bus::Polled& polled);
    void sort(bus::Incoming incoming);
    // lane_id: the lane whose event it may have been.
    void add_foreign(int lane_id, bus::Incoming incoming, std::string code, std::string message);
    Result<void> settle_doubtful();
    Result<void> write_foreign();
    Result<std::size_t> park_foreign_one_by_one();
    Result<void> apply_lanes();
    std::size_t room() const;
    std::vector<LaneRun> next_runs();
    std::vector<LaneRun> oldest(std::span<const Lane* const> lanes) const;
    Result<void> apply_runs(std::span<const LaneRun> runs);
    Result<void> take_report(std::span<const LaneRun> runs, ApplyReport report, std::span<ApplyTrace> traces,
                             SteadyTime started);
    Result<void> apply_head(const LaneRun& run);
    Result<void> fail(Lane& lane, ApplyTrace& trace, const Error& error);
    Result<void> follow_up(Lane& lane, const LaneRun& run, const ApplyResult& result);
    Result<void> drop_unproven(Lane& lane, std::span<const EventRef> refs);
    Result<void> handle_failure(Lane& lane, const Error& error);
    Result<void> handle_unknown(Lane& lane, const Error& error);
    Result<void> park(Lane& lane, const Error& error, const char* error_class, int attempts);
    Result<void> reload(Lane& lane);
    Result<void> ask_rewind(Lane& lane, const char* why);
    bool came_unrecognised(Lane& lane);
    milliseconds rewind_pause(Lane& lane) const;
    Result<void> check_tails();
    void commit_offsets();
    Result<void> record_halts();

    const WorkerConfig config_;
    bus::Consumer& consumer_;
    LedgerStore& store_;
    const Clock& clock_;
    Random& random_;
    UuidGenerator& ids_;
    OnOutcome on_outcome_;
    ApplyProbe probe_;

    std::map<int, Lane> lanes_;  // assigned to this member
    bool lanes_loaded_ = true;   // false: a lane was assigned and its state has not been read yet
    SteadyTime tail_check_due_{};
    std::map<int, std::int64_t> tails_;              // published_seq by lane, as read before a poll; missing: not read
    int last_lane_ = -1;                             // where the last applying turn ended
    std::vector<int> ended_;                         // partitions that the last poll emptied
    std::vector<bus::Incoming> inbox_;               // polled, not sorted yet
    std::size_t last_polled_ = 0;                    // messages of the last poll
    std::map<int, std::vector<Doubtful>> doubtful_;  // by lane
    std::vector<ForeignMessage> foreign_;            // not written yet
    std::map<int, std::int64_t> committed_;          // offsets handed to the consumer, by partition
    Backoff outage_backoff_;
    SteadyTime paused_until_{};
};

}  // namespace ledgerline::apply
