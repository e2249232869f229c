// LedgerStore: what the worker reads from and writes to the database. Each method is one complete transaction.
//
//     const auto states = store.load(std::vector{lane});
//     const std::int64_t cursor = states->front().applied_seq;
//     const auto report = store.apply(std::vector{LaneRun{lane, cursor, {{cursor + 1, event_id}}}});
//     if (report->runs[0].status == ApplyResult::Status::applied) notify(report->runs[0].outcomes);
//     if (report->runs[0].status == ApplyResult::Status::not_proven) ...  // prove() says which message was foreign
//
// Implementations: PgLedgerStore, and one in memory for tests and the simulation. Both pass the same conformance suite
// (tests/integration). Not thread-safe: one thread at a time. Errors carry an SQLSTATE as their code.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bus/bus.h"
#include "domain/event.h"
#include "domain/lane_halt.h"
#include "domain/posting.h"

namespace ledgerline::apply {

// The state of a lane, with what its worker must remember across a crash.
struct LaneState {
    int lane = 0;
    std::int64_t applied_seq = 0;
    std::int64_t published_seq = 0;
    std::int64_t last_seq = 0;
    std::int64_t failing_seq = 0;  // 0: none
    int attempts = 0;              // at failing_seq, for unknown reasons
    std::string streak_code{};     // the unknown reason for which the lane's last events in a row were parked
    int streak = 0;                // how many, as far as they matter
    std::optional<WallTime> first_failed_at{};  // of failing_seq
    std::optional<LaneHalt> halt{};             // a halt of the apply stage; the cursor may have passed it

    // The streak once one more event is parked for the unknown reason code.
    int streak_with(std::string_view code) const { return code == streak_code ? streak + 1 : 1; }
};

// What a message claims about one event of a lane.
struct EventRef {
    std::int64_t seq = 0;
    Uuid event_id;
};

// Claims that continue a lane: refs[0].seq == applied_seq + 1, and there is no gap.
struct LaneRun {
    int lane = 0;
    std::int64_t applied_seq = 0;
    std::vector<EventRef> refs;  // at least one
};

// What became of a transaction, at one of its places.
struct Applied {
    Event event;
    Posting posting;
};

// What became of one run.
struct ApplyResult {
    enum class Status {
        applied,          // all of it, at least
        waiting,          // a part of it: the rest waits for other lanes. Or nothing: they cannot be decided
        cursor_moved,     // the lane's cursor had been moved: load() again
        not_proven,       // the database holds no such event for at least one ref: call prove()
        version_unknown,  // an event's schema_version is too new for this binary
    };
    Status status = Status::applied;
    // Of the places after applied_seq, in lane order and without a gap: empty unless applied or waiting. There may be
    // more than the run has: transactions that other lanes wait for.
    std::vector<Applied> outcomes;
};

struct ApplyReport {
    std::vector<ApplyResult> runs;  // one a run
    // At places in other lanes, or in lanes whose run came to nothing; of each lane in its order.
    std::vector<Applied> others;
};

// What became of the one event that was tried.
struct HeadReport {
    ApplyReport report;
    // The database refuses to decide the event with this id. Nothing has changed.
    std::optional<Error> refusal{};
    Uuid event_id;
};

// A dead letter for a proven event (it has a transaction) that cannot be applied.
struct ParkedEvent {
    Uuid letter_id;
    EventRef ref;
    bus::Incoming incoming;
    std::string error_class;  // "permanent", "unknown"
    std::string error_code;
    std::string error_message;
    int attempts = 1;
    std::optional<WallTime> first_failed_at;  // empty: now
    bool bare = false;                        // see ForeignMessage
};

// A dead letter for a foreign message.
struct ForeignMessage {
    Uuid letter_id;
    bus::Incoming incoming;
    std::string error_code;
    std::string error_message;
    // The database refuses the letter with the message's content: keep a note of its size in place of its value and
    // headers.
    bool bare = false;
};

class LedgerStore {
public:
    virtual ~LedgerStore() = default;

    // Lanes that do not exist are left out.
    virtual Result<std::vector<LaneState>> load(std::span<const int> lanes) = 0;

    // Applies runs of different lanes: one result for each. Locks the lanes, compares their cursors, proves each ref by
    // what the lane holds, reads the balances, decides the events in order, and writes one decision a place: all places
    // of a transaction in one commit. Where a place waits for others in lanes that no run is of, or further on in its
    // own, those are decided as well: a run says how far its lane may be read, not what may be decided. Ends the
    // attempts at what is decided, and the streak. A run that comes to nothing holds up no other one. After an error
    // nothing has changed in any lane.
    virtual Result<ApplyReport> apply(std::span<const LaneRun> runs) = 0;

    // The same for one event alone: the first of the run, or the first one that it waits for. Tells which one the
    // database refuses. run: with one ref.
    virtual Result<HeadReport> apply_head(const LaneRun& run) = 0;

    // One flag per ref: whether the lane really holds that event at that seq.
    virtual Result<std::vector<bool>> prove(int lane, std::span<const EventRef> refs) = 0;

    // Counts one more failed attempt at the event after applied_seq, before the next one. Returns the count so far, or
    // 0 when the cursor has moved.
    virtual Result<int> count_attempt(int lane, std::int64_t applied_seq) = 0;

    // Writes the letter and moves the cursor over the event, and those of all other lanes in which it has a place.
    // Returns false and changes nothing when the cursor has moved, or when the event is not proven or not the next one
    // in all these lanes.
    virtual Result<bool> park(int lane, std::int64_t applied_seq, const ParkedEvent& letter) = 0;

    // Writes the letters that the table does not hold yet, by topic, partition, offset and hash of the value: all or
    // none. Returns how many were new.
    virtual Result<std::size_t> park_foreign(std::span<const ForeignMessage> letters) = 0;

    // Rewinds: sets published_seq to applied_seq, and raises the epoch, which tells the publisher and voids
    // acknowledgements in flight. Needs no lease. Returns false and changes nothing when the cursor has moved, or when
    // nothing follows it.
    virtual Result<bool> rewind(int lane, std::int64_t applied_seq) = 0;

    // Records that the worker cannot get past halt.seq, replacing the lane's earlier record. Repeating it for the same
    // seq and code keeps the first time. Returns false and changes nothing unless halt.seq is the event after the
    // cursor. OutboxStore records halts of the publish stage in the same way.
    virtual Result<bool> halt(int lane, const LaneHalt& halt) = 0;

    // Removes the record of a halt that the cursor has passed: whatever moved the cursor may not have known about it.
    // Returns false when there is none, or when the lane is still at it.
    virtual Result<bool> clear_halt(int lane) = 0;
};

}  // namespace ledgerline::apply
