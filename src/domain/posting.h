// The posting rules: what happens to a transaction, given the state of the accounts that it touches. Pure functions, no
// I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"

namespace ledgerline {

// closed: for good, and with nothing in it.
enum class AccountStatus { active, suspended, closed };
std::string_view name_of(AccountStatus status);  // "ACTIVE", "SUSPENDED", "CLOSED"
std::optional<AccountStatus> parse_account_status(std::string_view name);

struct AccountState {
    Uuid id;
    std::string currency;
    std::int64_t balance_cents = 0;
    std::int64_t min_balance_cents = 0;  // the floor below which no debit may go; the balance may be below it already
    AccountStatus status = AccountStatus::active;
    std::int64_t held_cents = 0;                      // set aside by holds: no debit may use it
    std::optional<std::int64_t> max_balance_cents{};  // the ceiling above which no credit may go, likewise
};

// Why a transaction ended FAILED. Final: never retried.
enum class Refusal {
    insufficient_balance,
    account_suspended,
    account_closed,
    currency_mismatch,
    balance_limit_exceeded,
    balance_overflow,
    discarded,
    parent_undecided,
    hold_failed,
    hold_closed,
    hold_expired,
    capture_exceeds_hold,
    transaction_failed,
    reversal_exceeds_transaction,
    previous_failed,
};
std::string_view code_of(Refusal refusal);

// What became of a transaction, at the place of one of its accounts.
struct Posting {
    std::optional<Refusal> refusal;        // nothing: PROCESSED
    std::int64_t balance_after_cents = 0;  // unchanged when refused
    std::string failure_reason;            // empty when PROCESSED
    std::int64_t held_delta_cents = 0;     // 0 when refused
    std::int64_t held_after_cents = 0;     // unchanged when refused
};

// An account that a transaction touches, and what the transaction means for it.
struct Touch {
    AccountState* account = nullptr;
    std::int64_t net_cents = 0;
    std::string_view currency;          // of the amount
    std::int64_t held_delta_cents = 0;  // what it sets aside, or gives back
    bool even_suspended = false;        // a suspended account takes it too
};

// Decides one transaction: it changes the balances of all its accounts or of none. The first account that does not take
// its effect names the refusal. The order of the checks is part of the contract: status, currency, then the floor (what
// lowers the available amount: balance less held) or the ceiling (what raises the balance). Returns one posting a
// touch. touches: at least one, no account twice.
std::vector<Posting> post(std::span<const Touch> touches);

// Refuses a transaction: everything stays. One posting a touch.
std::vector<Posting> refuse(std::span<const Touch> touches, Refusal refusal, const std::string& reason);

// Ends a transaction whose dead letter was discarded: the balances stay. One posting a touch.
std::vector<Posting> discard(std::span<const Touch> touches);

}  // namespace ledgerline
