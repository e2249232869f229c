// OutboxStore: what the publisher reads from and writes to the database. Each method is one whole transaction.
//
// Implementations: PgOutboxStore, and a memory one for tests and simulation; tests/integration holds both to the same
// conformance suite. Not thread-safe: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/event.h"
#include "domain/lane_halt.h"

namespace ledgerline::publish {

// The right to publish one lane. Every write names the epoch: once it has changed, the holder changes nothing any more.
struct Lease {
    int lane = 0;
    std::int64_t epoch = 0;
    std::int64_t published_seq = 0;

    bool operator==(const Lease&) const = default;
};

// Moves a lane's cursor from `from` to `to`.
struct Advance {
    int lane = 0;
    std::int64_t epoch = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;
};

// What waits in all lanes together, and the dead letters that wait for a decision, foreign ones included.
struct Backlog {
    std::int64_t unpublished_events = 0;
    std::chrono::seconds oldest_unapplied_age{0};
    std::int64_t dead_letters_parked = 0;

    bool operator==(const Backlog&) const = default;
};

class OutboxStore {
public:
    virtual ~OutboxStore() = default;

    // Says that `owner` is alive for `term` more (by the database's clock), extends the leases it holds, takes over
    // free and expired ones up to its fair share, ceil(lanes / live owners), and gives up what exceeds that. Returns
    // all leases held afterwards, with current epoch and cursor: a lease whose epoch changed was rewound or lost and
    // won again.
    virtual Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) = 0;

    // Makes every lease free at once whose owner is one of a dead process's (the caller has proof of its death).
    virtual Result<void> expire_others(const std::string& owner) = 0;

    // Gives up all leases of owner, for others to take at once.
    virtual Result<void> release(const std::string& owner) = 0;

    // The events that follow each lease's cursor, at most events_max a lane, by lane and ascending seq.
    virtual Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) = 0;

    // Moves the cursors. Returns one flag an advance: false when the lane's owner, epoch or cursor is not what it
    // names, and then nothing was changed there: renew() tells what is true now.
    virtual Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) = 0;

    // Records that publishing a lane failed, for whoever asks what a waiting event waits for.
    virtual Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& error) = 0;

    // Records that the publisher does not get past halt.seq, in place of what was recorded of the lane before.
    // Repeating it for the same seq and code keeps the first time. False, and nothing is changed, when the lane's owner
    // or epoch is not the lease's, or halt.seq is not the event that follows the cursor.
    virtual Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) = 0;

    // Removes the records of halts, of these lanes, that the cursor has passed: whoever moved it may not have known.
    virtual Result<void> clear_halts(std::span<const int> lanes) = 0;

    virtual Result<Backlog> backlog() = 0;
};

}  // namespace ledgerline::publish
