// What the conformance suites of the stores need from a database besides its stores: to set the scene, and to look.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "lab/memory_database.h"

namespace ledgerline::test {

// A row of each table, as far as the suites look at them.
struct LaneRow {
    std::int64_t last_seq = 0, published_seq = 0, applied_seq = 0;
    std::string owner;
    std::int64_t epoch = 0;
    int publish_attempts = 0;
    std::string last_error;
    std::optional<LaneHalt> publish_halt{};
};
struct OutcomeRow {
    std::int64_t seq = 0;
    Uuid transaction_id;
    std::string failure_code;  // empty: PROCESSED
    std::int64_t balance_after_cents = 0;

    bool operator==(const OutcomeRow&) const = default;
};

// A database of its own for one test, with lane_count empty lanes. Anything that should work and does not ends the
// program.
class DatabaseUnderTest {
public:
    virtual ~DatabaseUnderTest() = default;

    virtual std::unique_ptr<publish::OutboxStore> make_outbox_store() = 0;
    virtual std::unique_ptr<apply::LedgerStore> make_ledger_store() = 0;
    virtual std::unique_ptr<intake::IntakeStore> make_intake_store() = 0;
    virtual std::unique_ptr<letters::DeadLetterStore> make_dead_letter_store() = 0;

    virtual void add_account(const AccountState& account) = 0;
    virtual void set_status(const Uuid& account_id, AccountStatus status) = 0;
    virtual void set_limits(const Uuid& account_id, std::int64_t floor_cents,
                            std::optional<std::int64_t> ceiling_cents) = 0;
    virtual std::int64_t balance_cents(const Uuid& account_id) = 0;
    // Accepts event by hand, at whatever lane and seq it names. The lane's last_seq follows.
    virtual void insert(const Event& event) = 0;
    // Gives event, whose transaction was parked with that letter, another place, as a replay does.
    virtual void insert_again(const Event& event, const Uuid& letter_id) = 0;
    // From now on the database refuses to decide that transaction, with SQLSTATE 23514.
    virtual void poison(const Uuid& transaction_id) = 0;
    // The time of every lease and of every publisher's life runs out.
    virtual void let_leases_expire() = 0;

    virtual LaneRow lane(int lane) = 0;
    virtual std::vector<Event> events(int lane) = 0;  // accepted, by seq
    virtual std::vector<OutcomeRow> outcomes(int lane) = 0;
    virtual std::size_t letters() = 0;
};

struct DatabaseKind {
    std::string name;
    std::function<std::unique_ptr<DatabaseUnderTest>()> make;

    friend void PrintTo(const DatabaseKind& kind, std::ostream* out) { *out << kind.name; }
};

DatabaseKind memory_database_kind();

}  // namespace ledgerline::test
