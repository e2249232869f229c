// MemoryDatabase: the ledger's database in memory, under the rules of the real one: dense lanes with three cursors,
// leases with epochs, and unique constraints that make a whole transaction fail.
//
// Its stores pass the same conformance suites as those on PostgreSQL. Time is the given clock's. Safe to use from any
// thread; every call is one transaction.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apply/ledger_store.h"
#include "base/clock.h"
#include "domain/hold.h"
#include "domain/legs.h"
#include "domain/posting.h"
#include "domain/reversal.h"
#include "intake/intake_store.h"
#include "letters/dead_letter_store.h"
#include "publish/outbox_store.h"

namespace ledgerline::test {

// What the tables hold. Read and written freely by tests while no store is in use.
struct MemoryTables {
    struct Lane {
        std::int64_t last_seq = 0, published_seq = 0, applied_seq = 0;
        std::string owner;  // empty: nobody
        std::int64_t epoch = 0;
        WallTime lease_expires_at{};
        int publish_attempts = 0;
        std::string last_error;
        std::int64_t failing_seq = 0;
        int attempts = 0;
        std::string streak_code;
        int streak = 0;
        std::optional<WallTime> first_failed_at;
        std::optional<LaneHalt> publish_halt, apply_halt;
        std::map<std::int64_t, Event> events;             // by seq: accepted and replayed
        std::map<std::int64_t, apply::Applied> outcomes;  // by seq
    };
    struct Account {
        AccountState state;
        int lane = 0;
        // Made after this place of the lane was decided, and before the next one was.
        struct Change {
            std::int64_t applied_seq = 0;
            AccountState before;
        };
        std::vector<Change> changes{};

        // As decisions at that place found its settings: all but what is in it.
        const AccountState& at(std::int64_t seq) const;
    };
    struct Letter {
        Uuid id;
        std::optional<apply::EventRef> ref;  // nothing: foreign
        int lane = 0;
        Uuid transaction_id;
        bus::Incoming incoming;
        std::string error_class, error_code;
        int attempts = 1;
        bool parked = true;
        std::string error_message{};
        WallTime first_failed_at{}, last_failed_at{};
        bool announced = false;
    };

    std::map<int, Lane> lanes;
    std::map<Uuid, Account> accounts;
    std::map<std::pair<Uuid, std::string>, Event> accepted;  // first places, by account and idempotency key
    std::map<Uuid, std::vector<Leg>> legs;                   // of transfers, captures and reversals
    std::map<Uuid, std::string> terms;                       // of holds, captures, releases and reversals
    std::map<Uuid, Hold> holds;                              // accepted ones, by transaction
    std::set<Uuid> transaction_ids, event_ids;               // of everything accepted or replayed
    std::map<Uuid, NamedTransaction> named;                  // every accepted transaction
    std::vector<Letter> letters;
    std::map<std::string, WallTime> publishers;  // owner, expiry
    // Transactions whose outcome the database refuses to take, with the SQLSTATE it refuses them with.
    std::map<Uuid, std::string> poisoned;

    void add_place(const Event& event);
    // The first one first, the others by lane and seq.
    std::vector<Event> places_of(const Uuid& event_id) const;

private:
    std::map<Uuid, std::set<std::pair<int, std::int64_t>>> places_;  // lane and seq, by event
};

class MemoryDatabase {
public:
    // The clock must outlive the database, and the database its stores.
    explicit MemoryDatabase(const Clock& clock, int lanes = lane_count);

    std::unique_ptr<publish::OutboxStore> make_outbox_store();
    std::unique_ptr<apply::LedgerStore> make_ledger_store();
    std::unique_ptr<intake::IntakeStore> make_intake_store();
    std::unique_ptr<letters::DeadLetterStore> make_dead_letter_store();

    MemoryTables tables;

    // Adds an event at its lane and seq as intake would, but wherever the test wants it. last_seq follows.
    void insert(const Event& event);
    // Gives the account the status and the limits of wanted, at one point of its lane. False: it is closed, or is to be
    // closed and is not empty.
    bool change(const AccountState& wanted);
    // Replays a parked letter: its transaction gets a new event at the end of its lane.
    void replay(const Uuid& letter_id, const Uuid& new_event_id);

private:
    friend class MemoryOutboxStore;
    friend class MemoryLedgerStore;
    friend class MemoryIntakeStore;
    friend class MemoryDeadLetterStore;

    const Clock& clock_;
    std::mutex mutex_;
};

}  // namespace ledgerline::test
