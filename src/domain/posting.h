// The posting rules: what happens to an event, given the state of its account. Pure functions, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "domain/event.h"

namespace ledgerline {

struct AccountState {
    Uuid id;
    std::string currency;
    std::int64_t balance_cents = 0;
    std::int64_t min_balance_cents = 0;  // the floor below which no debit may go
    bool suspended = false;
};

// Why a transaction ended FAILED. Final: never retried.
enum class Refusal { insufficient_balance, account_suspended, currency_mismatch, balance_overflow, discarded };
std::string_view code_of(Refusal refusal);

struct Posting {
    std::optional<Refusal> refusal;        // nothing: PROCESSED
    std::int64_t balance_after_cents = 0;  // unchanged when refused
    std::string failure_reason;            // empty when PROCESSED
};

// Decides one event and, when it is posted, changes account's balance. The order of the checks is part of the contract:
// suspension, currency, then the floor (debits) or the ceiling (credits).
Posting post(const Event& event, AccountState& account);

// Ends a transaction whose dead letter was discarded: the balance stays.
Posting discard(const AccountState& account);

}  // namespace ledgerline
