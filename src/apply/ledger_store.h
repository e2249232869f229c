// LedgerStore: what the worker reads from and writes to the database. Each method is one whole transaction.
//
// Implementations: PgLedgerStore, and a memory one for tests and simulation; tests/integration holds both to the same
// conformance suite. Not thread-safe: one thread at a time. Errors carry an SQLSTATE as their code.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bus/bus.h"
#include "domain/event.h"
#include "domain/lane_halt.h"
#include "domain/posting.h"

namespace ledgerline::apply {

// Where a lane stands, and what its worker must remember across a crash.
struct LaneState {
    int lane = 0;
    std::int64_t applied_seq = 0;
    std::int64_t published_seq = 0;
    std::int64_t last_seq = 0;
    std::int64_t failing_seq = 0;  // 0: none
    int attempts = 0;              // of failing_seq, for unknown reasons
    std::string streak_code{};     // the reason for which the lane's last events were buried in a row
    int streak = 0;
    std::optional<WallTime> first_failed_at{};  // of failing_seq
    std::optional<LaneHalt> halt{};             // of apply; the cursor may have passed it
};

// What a message claims about one event of a lane.
struct EventRef {
    std::int64_t seq = 0;
    Uuid event_id;
};

struct Applied {
    Event event;
    Posting posting;
};

struct ApplyResult {
    enum class Status {
        applied,          // the whole batch; outcomes tells what became of each event
        cursor_moved,     // somebody else has moved the lane's cursor: nothing was changed; load() again
        not_proven,       // the database holds no such event for at least one ref: nothing was changed; ask prove()
        version_unknown,  // an event of a schema_version this binary cannot apply: nothing was changed
    };
    Status status = Status::applied;
    std::vector<Applied> outcomes;  // in lane order
};

// A letter for one event of ours (it has a transaction) that cannot be applied.
struct BuriedEvent {
    Uuid letter_id;
    EventRef ref;
    bus::Incoming incoming;
    std::string error_class;  // "permanent", "unknown"
    std::string error_code;
    std::string error_message;
    int attempts = 1;
    std::optional<WallTime> first_failed_at;  // nothing: now
    int streak = 0;                           // to be recorded with the lane: 0 resets it
    bool bare = false;                        // see ForeignMessage
};

// A letter for a message that announces no event of ours.
struct ForeignMessage {
    Uuid letter_id;
    bus::Incoming incoming;
    std::string error_code;
    std::string error_message;
    // The database does not take the letter with what the message holds: keep a note of its size in place of its value
    // and headers.
    bool bare = false;
};

class LedgerStore {
public:
    virtual ~LedgerStore() = default;

    // Lanes that do not exist are left out.
    virtual Result<std::vector<LaneState>> load(std::span<const int> lanes) = 0;

    // Applies a contiguous run of events: refs[0].seq == applied_seq + 1. Compares and sets the lane's cursor, proves
    // each ref by joining (lane, seq, event_id) with the outbox, locks the accounts, decides one event after the other,
    // writes each account once and one outcome an event. Clears failing_seq and the streak.
    virtual Result<ApplyResult> apply(int lane, std::int64_t applied_seq, std::span<const EventRef> refs) = 0;

    // One flag a ref: whether the lane really holds that event under that seq.
    virtual Result<std::vector<bool>> prove(int lane, std::span<const EventRef> refs) = 0;

    // Counts one more failed attempt at the event after applied_seq, before it is tried again. Returns the count so
    // far, 0 when the cursor has moved.
    virtual Result<int> count_attempt(int lane, std::int64_t applied_seq) = 0;

    // Writes the letter and moves the cursor over the event. False, and nothing is changed, when the cursor has moved
    // or the event is not proven.
    virtual Result<bool> bury(int lane, std::int64_t applied_seq, const BuriedEvent& letter) = 0;

    // Writes letters that the table does not hold yet, by topic, partition, offset and hash of the value: all, or none.
    // Returns how many were new.
    virtual Result<std::size_t> bury_foreign(std::span<const ForeignMessage> letters) = 0;

    // Asks the publisher for everything after applied_seq again: sets published_seq back to it, if it is further, and
    // raises the epoch, which voids acknowledgements in flight. Needs no lease. False: there was nothing to set back.
    virtual Result<bool> rewind(int lane, std::int64_t applied_seq) = 0;

    // Records that the worker does not get past halt.seq, in place of what was recorded of the lane before. Repeating
    // it for the same seq and code keeps the first time. False, and nothing is changed, unless halt.seq is the event
    // that follows the cursor. OutboxStore records the halts of publish in the same way.
    virtual Result<bool> halt(int lane, const LaneHalt& halt) = 0;

    // Removes the record of a halt that the cursor has passed: whoever moved the cursor may not have known of it.
    // False: there is none, or the lane still stands there.
    virtual Result<bool> clear_halt(int lane) = 0;
};

}  // namespace ledgerline::apply
