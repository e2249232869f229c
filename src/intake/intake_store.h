// IntakeStore: how transactions are accepted. Each method is one complete database transaction.
//
//     auto results = store.accept(items);
//     if (!results && results.error().code == outcome_unknown)
//         results = store.accept(items);  // with the same ids: what the first try accepted is created, not replayed
//     if (results && results->front().status == IntakeResult::Status::created) answer(201, results->front().seq);
//
// Implementations: PgIntakeStore, and one in memory for tests and the simulation. Both pass the same conformance suite
// (tests/integration). Not thread-safe: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/tenant.h"
#include "base/uuid.h"
#include "db/sqlstate.h"
#include "domain/event.h"
#include "domain/legs.h"
#include "observe/trace.h"

namespace ledgerline::intake {

using db::outcome_unknown;

// One request to accept a transaction. Its ids are made before the first try, so that a batch whose fate is unknown can
// run again: rows found under those ids were created by it.
struct IntakeItem {
    Uuid transaction_id;
    Uuid event_id;
    Uuid account_id;                // the scope of the key; of a transfer, the first account that its legs name
    std::int64_t amount_cents = 0;  // of a transfer, the sum of its legs
    std::string currency;           // of a transfer, that of its first leg
    TransactionType type = TransactionType::credit;
    std::string idempotency_key;
    std::vector<Leg> legs{};                 // of a transfer, 1 to legs_max; of a capture, one; otherwise empty
    std::optional<std::string> reference{};  // the caller's own name for it
    std::optional<std::string> metadata;     // a JSON object, as jsonb prints it
    std::string traceparent;
    std::optional<Uuid> parent_id{};     // of a capture or release: the hold; of a reversal: what it reverses
    std::optional<std::string> terms{};  // of a hold, capture, release or reversal: a JSON object, as jsonb prints it
    std::optional<WallTime> dated{};     // the caller's own time of it
    // Of a follower: an account of the item before it, with its currency. It gets a place there if it has none among
    // that item's accounts, so that it is decided after that item, and it fails unless that is processed.
    std::optional<Effect> follows{};
    int tenant = default_tenant;               // whose account_id must be
    std::optional<std::string> tenant_name{};  // of that one; nothing for the default one
    bool pays_other_tenants = false;  // whether the other accounts may be those of other tenants, unless they pay

    // Size in memory.
    std::size_t bytes() const {
        return sizeof(IntakeItem) + currency.size() + idempotency_key.size() + traceparent.size() +
               (metadata ? metadata->size() : 0) + (reference ? reference->size() : 0) + (terms ? terms->size() : 0) +
               (tenant_name ? tenant_name->size() : 0) + legs.size() * sizeof(Leg);
    }
};

// Gives the item its legs, and the account, amount and currency that follow from them. It is a transfer, unless it is a
// capture or reversal.
void set_legs(IntakeItem& item, std::vector<Leg> legs);
// Makes item follow previous.
void follow(IntakeItem& item, const IntakeItem& previous);
// The least schema_version of an event that says it.
int schema_version_of(const IntakeItem& item);
// What the transaction means for each account that it touches: its places, in the order in which they are given.
std::vector<Effect> effects_of(const IntakeItem& item);
// Whose the account of that effect must be; nothing: anybody's.
std::optional<std::int64_t> tenant_needed(const IntakeItem& item, const Effect& effect);

struct IntakeResult {
    struct Place {
        int lane = 0;
        std::int64_t seq = 0;
    };
    enum class Status {
        created,
        replayed,    // the key is known, with the same body
        key_reused,  // the key is known for the first account, with another body
        account_not_found,
        account_suspended,
        account_closed,
        currency_mismatch,
        previous_refused,  // the item before it, which it follows, was not accepted
        lane_held,         // another session holds the lane, and the call does not wait for it. Nothing was stored
        failed,  // the database refuses this row: error says why (set by IntakeBatcher, which isolates the row)
    };
    Status status = Status::failed;
    Uuid transaction_id;                // created or replayed
    Uuid account_id;                    // account_not_found, _suspended, _closed, currency_mismatch: which
    int lane = 0;                       // created: of the first place; lane_held
    std::int64_t seq = 0;               // created: of the first place
    std::vector<Place> further{};       // created by this call: the other places, in the order of effects_of()
    std::optional<Uuid> previous_id{};  // created: the transaction that it follows
    WallTime created_at;                // created
    // created: whether all accounts are known to be of the item's tenant.
    bool is_of_one_tenant = true;
    std::string account_currency;  // currency_mismatch
    std::string error;             // failed
    TraceContext batch;            // created: the span of its intake transaction (set by IntakeBatcher)
};

// Why an account with this status takes no such transaction; nothing if it does, as far as intake knows: the status
// that counts is that at the decision. What is set aside can always be given back, so a release is left to the
// decision.
std::optional<IntakeResult::Status> refusal_of_status(std::string_view account_status, TransactionType type);

// The events of an item that was created, one for each place, as the publisher would read them. None if the result does
// not know all places, because an earlier call stored the item, or not whose accounts they are of.
std::vector<Event> events_of(const IntakeItem& item, const IntakeResult& result);

// Which lanes to wait for when another session holds them.
struct LaneWaits {
    bool none = false;      // no lane at all
    std::set<int> not_for;  // all lanes but these

    bool waits_for_all() const { return !none && not_for.empty(); }
    bool waits_for(int lane) const { return !none && !not_for.contains(lane); }
};

class IntakeStore {
public:
    virtual ~IntakeStore() = default;

    // Accepts the items in order, each on its own merits: one result per item. Locks the batch's lanes in ascending
    // order, reads accounts and keys in a statement that begins after that, numbers the new places in item order, and
    // commits. A key that occurs twice among the items is accepted once; later occurrences replay it or are refused.
    //
    // A transfer gets a place in the lane of each account that it touches, all of them or none. Its key is looked up
    // under all these accounts: the same legs in another order, so with another first account, replay it.
    //
    // A follower stands directly behind the item that it follows, and is accepted only with it, or with the transaction
    // that this item replays.
    //
    // Error with Disposition::retry and code outcome_unknown: the commit was sent and its fate is unknown; run the same
    // items again. Any other error: nothing was stored. Disposition::refuse: at least one of the items is at fault.
    virtual Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items, const LaneWaits& waits) = 0;
    // Waits for every lane.
    Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items) { return accept(items, {}); }

    // Whether accept() could store rows at the moment.
    virtual Result<void> ping() = 0;
};

}  // namespace ledgerline::intake
