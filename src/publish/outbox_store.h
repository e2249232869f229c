// OutboxStore: what the publisher reads from and writes to the database. Each method is one complete transaction.
//
//     const auto leases = store.renew(owner, term);           // the lanes that are ours
//     const auto events = store.read(*leases, events_max);    // what follows their cursors
//     publish(*events);                                       // no transaction is open meanwhile
//     const auto moved = store.advance(owner, std::vector<Advance>{{lane, epoch, from, to}});
//     if (!moved->front()) forget(lane);                      // the lease has passed to another owner, or was rewound
//
// Implementations: PgOutboxStore, and one in memory for tests and the simulation. Both pass the same conformance suite
// (tests/integration). Not thread-safe: one thread at a time.
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

// The right to publish one lane. Every write names the epoch: once it has changed, the old holder can change nothing.
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

// Events that wait in all lanes together, and dead letters that wait for a decision, foreign ones included, which
// are counted up to 10,000.
struct Backlog {
    std::int64_t unpublished_events = 0;
    std::chrono::seconds oldest_unapplied_age{0};
    std::int64_t dead_letters_parked = 0;

    bool operator==(const Backlog&) const = default;
};

class OutboxStore {
public:
    virtual ~OutboxStore() = default;

    // Records that `owner` is alive for `term` more (on the database's clock), extends the leases it holds, takes over
    // free and expired ones up to its fair share, ceil(lanes / live owners), and gives up what exceeds that. Returns
    // all leases held afterwards, with current epoch and cursor. A lease whose epoch has changed was rewound, or lost
    // and won again.
    virtual Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) = 0;

    // Frees all leases of other owners at once. The caller has proof that their processes are dead.
    virtual Result<void> expire_others(const std::string& owner) = 0;

    // Gives up all leases of owner; others can take them at once.
    virtual Result<void> release(const std::string& owner) = 0;

    // The events that follow each lease's cursor: at most events_max per lane, by lane and ascending seq.
    virtual Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) = 0;

    // Moves the cursors. Returns one flag per advance: false when the lane's owner, epoch or cursor differs from what
    // the advance names. That lane is then unchanged; renew() returns its current state.
    virtual Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) = 0;

    // Records that publishing a lane failed, so that the API can say what a waiting event waits for.
    virtual Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& error) = 0;

    // Records that the publisher cannot get past halt.seq, replacing the lane's earlier record. Repeating it for the
    // same seq and code keeps the first time. Returns false and changes nothing when the lane's owner or epoch is not
    // the lease's, or when halt.seq is not the event after the cursor.
    virtual Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) = 0;

    // Removes the halt records of these lanes that the cursor has passed: whatever moved it may not have known about
    // them.
    virtual Result<void> clear_halts(std::span<const int> lanes) = 0;

    virtual Result<Backlog> backlog() = 0;
};

}  // namespace ledgerline::publish
