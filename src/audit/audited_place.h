// What `verify` reads about one place, from several statements: audited_place.cpp puts their rows together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "sql/queries.h"

namespace ledgerline::audit {

// What decisions about an account depend on, and what can change.
struct AuditedSettings {
    std::string status = "ACTIVE";
    std::int64_t floor_cents = 0;
    std::optional<std::int64_t> ceiling_cents{};
};

// An account of a window of places.
struct AuditedAccount {
    Uuid id;
    std::int64_t balance_cents = 0;  // after its last decision before the window
    std::int64_t held_cents = 0;     // likewise
    std::string currency;
    AuditedSettings settings{};  // of now
    // What they were before each change since the window began, in the order of the changes.
    std::vector<sql::AuditWindowChanges::Row> changes{};

    // Decisions up to a change's applied seq were made before it, all others after it.
    AuditedSettings settings_at(std::int64_t seq) const;
};

struct AuditedLetter {
    Uuid id;
    std::string state;
    Uuid event_id;
    Uuid transaction_id;
    int lane = -1;
    std::int64_t seq = 0;
};

// What was decided at a place.
struct AuditedDecision {
    std::string kind;
    Uuid transaction_id;
    Uuid account_id;
    std::int64_t amount_cents = 0;
    std::int64_t balance_after_cents = 0;
    std::int64_t floor_cents = 0;
    std::string failure_code;
    std::int64_t held_delta_cents = 0;
    std::int64_t held_after_cents = 0;
    std::optional<std::int64_t> ceiling_cents{};
    std::optional<Uuid> letter_id{};
    std::optional<AuditedLetter> letter{};  // of a parked place
    // The later place at which that letter is replayed or discarded.
    struct Next {
        int lane = 0;
        std::int64_t seq = 0;
        std::string verdict;
        Uuid transaction_id;
    };
    std::optional<Next> next{};
};

// One place of the lane, with everything that came of it.
struct AuditedPlace {
    std::int64_t seq = 0;
    Uuid event_id;
    Uuid transaction_id;
    Uuid account_id;
    std::int64_t net_cents = 0;
    int places = 0;         // of the event, as it says
    bool further = false;   // not the place that the accepted row holds
    std::string verdict{};  // replay, discard; empty: a place given at intake

    struct Transaction {
        std::int64_t amount_cents = 0;
        std::string currency;
        std::string type;
        // It has legs, and a place for each account that they name; a follower may have one more. The leg of a DEBIT or
        // CREDIT counts only if it is a follower: others have one place.
        bool has_legs = false;
        bool moves_nothing() const { return type == "HOLD" || type == "RELEASE"; }
    };
    std::optional<Transaction> transaction{};
    std::optional<AuditedDecision> decision{};
    std::optional<AuditedLetter> origin{};  // the letter of the verdict; only state and transaction_id are set
    // Of transfers, and of replays and discards: how the place stands to all others of its event.
    std::optional<sql::AuditTransfers::Row> whole{};

    bool has_legs() const { return transaction && transaction->has_legs; }
    bool is_first(int lane) const { return whole ? whole->first_lane == lane && whole->first_seq == seq : !further; }
};

// The row's place; null when it has none, but only a decision.
std::optional<AuditedPlace> place_of(const sql::AuditPlaces::Row& row);
std::optional<AuditedDecision> decision_of(const sql::AuditPlaces::Row& row);
void add_letters(AuditedPlace& place, const sql::AuditLetters::Row& row);

}  // namespace ledgerline::audit
