// Worker: takes messages from the bus, proves them against the database, and applies the events they announce.
//
// One member of the consumer group, driven by one thread through step(). The lane protocol it follows:
//   - a message that claims a seq at or below the apply cursor is a duplicate and dropped;
//   - the run that continues the cursor is applied in batches, each in one transaction that also moves the cursor;
//   - a proven message further up means that the bus lost something: it is dropped, and the publisher asked, once for
//     each position of the cursor, to send everything after the cursor again (rewind);
//   - silence is a gap too: when a partition has nothing more and the cursor is below what was published, the same;
//   - a message that announces no event of ours becomes a foreign dead letter and moves no cursor;
//   - an event that cannot be applied becomes a dead letter, and the cursor moves over it in the same transaction.
//
// A lane that cannot go on until somebody mends something halts: it says so once (log, gauge, table lane_halts), tries
// again at long intervals, and goes on by itself. It halts when its events fail one after the other for the same
// unknown reason, when its next event has come three times as something that announces nothing of ours, when that event
// needs a newer worker, and when its dead letter cannot be written.
//
// Failures are sorted by db/sqlstate.h. An outage pauses the lane, or the worker when the database is away, with
// growing delays and for ever. A batch that the database refuses is halved until the guilty event stands alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apply/lane.h"
#include "apply/ledger_store.h"
#include "apply/outcome_meter.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/standing.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "bus/messaging.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline::apply {

struct WorkerConfig {
    std::size_t messages_max = 2000;  // of one poll
    milliseconds poll_wait{200};      // for the first message
    // When a round that applies goes back to poll: one batch on top, it stays far below what the group waits for a poll
    // before it gives a member's partitions to others (60 s), however slow the database is.
    milliseconds apply_max{2000};
    milliseconds tail_check_interval{500};  // between looks whether silence hides a loss
    int unknown_attempts_max = 5;           // at one event that fails for an unknown reason
    int streak_max = 3;                     // events failing so in a row: an outage we do not know, the lane halts
    milliseconds halted_retry_interval{30'000};
    int rewinds_at_once_max = 3;  // of one event that does not come; then with growing pauses, up to the interval above
    milliseconds version_retry_interval{5'000};  // an event of a newer version waits for a newer worker
    Backoff::Limits backoff{};
    bus::MessagingNames messaging{};  // for the spans
};

class Worker {
public:
    // Everything must outlive the worker. on_outcome is called on the worker's thread after outcomes were committed.
    Worker(WorkerConfig config, bus::Consumer& consumer, LedgerStore& store, const Clock& clock, Random& random,
           UuidGenerator& ids, Metrics& metrics, std::function<void()> on_outcome, Tracer& tracer = Tracer::off());

    // One round: poll, prove, apply, look for losses, commit offsets. Returns how long nothing will be due. An error
    // ends the role: its disposition is always stop.
    Result<milliseconds> step();

    // Why no lane can be applied; nothing while lanes can. Thread-safe.
    std::optional<std::string> trouble() const { return health_.trouble(); }

private:
    // Messages whose claim leaves a gap, and which therefore may be forged, until proof decides.
    struct Doubtful {
        Announcement announcement;
        bus::Incoming incoming;
    };

    Result<void> round();
    Result<void> load_lanes(bool may_check_tails);
    Result<void> poll();
    void sort(bus::Incoming incoming);
    // lane_id: whose event it may have been.
    void add_foreign(int lane_id, bus::Incoming incoming, std::string code, std::string message);
    Result<void> settle_doubtful();
    Result<void> write_foreign();
    Result<std::size_t> bury_foreign_one_by_one();
    Result<void> apply_lanes();
    std::size_t room() const;
    Result<void> apply_batch(Lane& lane);
    Result<void> drop_unproven(Lane& lane, std::span<const EventRef> refs);
    Result<void> handle_failure(Lane& lane, const Error& error);
    Result<void> handle_unknown(Lane& lane, const Error& error);
    Result<void> bury(Lane& lane, const Error& error, const char* error_class, int attempts, int streak);
    Result<void> reload(Lane& lane);
    Result<void> ask_rewind(Lane& lane, const char* why);
    bool came_unrecognised(Lane& lane);
    milliseconds rewind_pause(Lane& lane) const;
    Result<void> check_tails();
    void commit_offsets();
    Result<void> record_halts();
    void set_halted(const Lane& lane, bool halted);

    const WorkerConfig config_;
    bus::Consumer& consumer_;
    LedgerStore& store_;
    const Clock& clock_;
    Random& random_;
    UuidGenerator& ids_;
    Metrics& metrics_;
    OutcomeMeter outcome_meter_;
    std::function<void()> on_outcome_;
    Tracer& tracer_;
    const SpanAttributes span_attributes_;  // of every event's span

    std::map<int, Lane> lanes_;  // assigned to this member
    bool lanes_loaded_ = true;   // false: a lane was assigned and its state is not read yet
    SteadyTime tail_check_due_{};
    std::map<int, std::int64_t> tails_;              // published_seq by lane, as read before a poll; none: not read
    int last_lane_ = -1;                             // where the last turn of applying ended
    std::vector<int> ended_;                         // partitions that the last poll emptied
    std::vector<bus::Incoming> inbox_;               // polled, not sorted yet
    std::map<int, std::vector<Doubtful>> doubtful_;  // by lane
    std::vector<ForeignMessage> foreign_;            // not written yet
    std::map<int, std::int64_t> committed_;          // offsets handed to the consumer, by partition
    Standing health_;
    Backoff outage_backoff_;
    SteadyTime paused_until_{};
};

}  // namespace ledgerline::apply
