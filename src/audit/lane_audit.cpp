#include "audit/lane_audit.h"

#include <fmt/format.h>

#include <limits>

#include "base/money.h"

namespace ledgerline::audit {
namespace {

// Wrong rows may hold any number: the sum is clamped to the range instead of overflowing.
std::int64_t add(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

std::int64_t after(std::int64_t balance_cents, const AuditedEvent::Transaction& transaction) {
    return add(balance_cents, transaction.type == "DEBIT" ? -transaction.amount_cents : transaction.amount_cents);
}

// Why the refusal was wrong; empty when it was right. The rules are those of the API contract.
std::string wrong_refusal(const std::string& code, const AuditedEvent::Transaction& transaction,
                          const AuditedAccount& account, std::int64_t balance_cents) {
    const std::int64_t balance_after = after(balance_cents, transaction);
    if (code == "account_suspended" || code == "discarded") return "";
    if (code == "insufficient_balance") {
        if (transaction.type == "DEBIT" && balance_after < account.floor_cents) return "";
        return fmt::format("refused for insufficient balance, but {} of {} from {} keeps the floor {}",
                           transaction.type, transaction.amount_cents, balance_cents, account.floor_cents);
    }
    if (code == "balance_overflow") {
        if (transaction.type == "CREDIT" && balance_after > balance_cents_max) return "";
        return fmt::format("refused for balance overflow, but the balance would have been {}", balance_after);
    }
    if (code == "currency_mismatch")
        return transaction.currency != account.currency
                   ? ""
                   : fmt::format("refused for its currency, but both are {}", account.currency);
    return fmt::format("refused for an unknown reason '{}'", code);
}

}  // namespace

void LaneAudit::report(Check check, const AuditedEvent& event, const Uuid& id, std::string detail) {
    report_.violate(check, {lane_, event.seq, id.to_string(), std::move(detail)});
}

void LaneAudit::take(const AuditedEvent& event) {
    if (!check_place(event)) return;
    report_.examine(Check::dense);
    report_.examine(Check::identity);
    Running* running = check_identity(event);
    if (event.is_replay) check_origin(event);
    if (!running || event.seq > applied_seq_) return;
    report_.examine(Check::settled);
    check_decided(event, *running);
}

// Lane and identity
// ----------------------------------------------------------------------------------------------------

bool LaneAudit::check_place(const AuditedEvent& event) {
    if (event.seq < next_seq_) {
        report(Check::dense, event, event.event_id, "another event, outcome or letter has the same seq");
        return false;
    }
    report_gap(event.seq);
    next_seq_ = event.seq + 1;
    return true;
}

void LaneAudit::report_gap(std::int64_t next_seq) {
    if (next_seq_ == next_seq) return;
    const std::int64_t last_missing = next_seq - 1;
    report_.violate(Check::dense,
                    {lane_, next_seq_, "",
                     next_seq_ == last_missing ? "there is no event with this seq"
                                               : fmt::format("there are no events from here to {}", last_missing)});
}

// The running state of the event's account; null when the event cannot be checked.
LaneAudit::Running* LaneAudit::check_identity(const AuditedEvent& event) {
    if (!event.transaction) {
        report(Check::identity, event, event.event_id, "the event's transaction does not exist");
        return nullptr;
    }
    const AuditedEvent::Transaction& transaction = *event.transaction;
    const auto account = accounts_.find(transaction.account_id);
    if (account == accounts_.end()) {
        report(Check::identity, event, event.transaction_id,
               fmt::format("account {} does not exist in this lane", transaction.account_id.to_string()));
        return nullptr;
    }
    const bool known_type = transaction.type == "DEBIT" || transaction.type == "CREDIT";
    if (!known_type || transaction.amount_cents < 1 || transaction.amount_cents > amount_cents_max) {
        report(Check::identity, event, event.transaction_id,
               fmt::format("{} of {} is no transaction", transaction.type, transaction.amount_cents));
        return nullptr;
    }
    if (event.outcome &&
        (event.outcome->event_id != event.event_id || event.outcome->transaction_id != event.transaction_id ||
         event.outcome->account_id != transaction.account_id))
        report(Check::identity, event, event.outcome->transaction_id, "the outcome is that of another event");
    if (event.letter &&
        (event.letter->event_id != event.event_id || event.letter->transaction_id != event.transaction_id))
        report(Check::identity, event, event.letter->id, "the dead letter is that of another event");
    return &account->second;
}

void LaneAudit::check_origin(const AuditedEvent& event) {
    report_.examine(Check::replays);
    if (!event.origin)
        report(Check::replays, event, event.transaction_id, "the event replays a dead letter that does not exist");
    else if (event.origin->state != "REPLAYED" || event.origin->transaction_id != event.transaction_id)
        report(Check::replays, event, event.transaction_id,
               "the event replays a dead letter that was not replayed, or one of another transaction");
}

// What became of an applied event
// ----------------------------------------------------------------------------------------

void LaneAudit::check_decided(const AuditedEvent& event, Running& running) {
    if (!event.outcome && !event.letter) {
        report(Check::settled, event, event.transaction_id,
               "applied, but there is neither an outcome nor a dead letter");
        return;
    }
    if (event.letter) check_letter(event);
    if (!event.outcome) return;

    report_.examine(Check::outcomes);
    const bool discarded = event.outcome->failure_code == "discarded";
    if (discarded) {
        report_.examine(Check::discards);
        if (!event.letter || event.letter->state != "DISCARDED")
            report(Check::discards, event, event.transaction_id, "discarded without a discarded dead letter");
    } else if (event.letter) {
        report(Check::outcomes, event, event.transaction_id, "has an outcome although the event is a dead letter");
    }
    if (event.outcome->outcome == "PROCESSED")
        check_entry(event, running);
    else
        check_refusal(event, running);
}

void LaneAudit::check_letter(const AuditedEvent& event) {
    const AuditedLetter& letter = *event.letter;
    if (letter.state == "DISCARDED" && (!event.outcome || event.outcome->failure_code != "discarded"))
        report(Check::discards, event, letter.id, "the dead letter is discarded, but the transaction is not");
    if (letter.state != "REPLAYED") return;
    const bool replayed = event.replay && event.replay->lane == lane_ && event.replay->seq > event.seq &&
                          event.replay->transaction_id == event.transaction_id;
    if (!replayed)
        report(Check::settled, event, letter.id, "the dead letter is replayed, but no later event replays it");
}

void LaneAudit::check_entry(const AuditedEvent& event, Running& running) {
    report_.examine(Check::entries);
    report_.examine(Check::floor);
    const AuditedEvent::Transaction& transaction = *event.transaction;
    if (transaction.currency != running.account.currency)
        report(Check::entries, event, event.transaction_id,
               fmt::format("an amount in {} was posted to an account in {}", transaction.currency,
                           running.account.currency));
    running.sum_cents = after(running.sum_cents, transaction);
    if (transaction.type == "DEBIT" && running.sum_cents < running.account.floor_cents)
        report(
            Check::floor, event, event.transaction_id,
            fmt::format("the balance fell to {}, below the floor {}", running.sum_cents, running.account.floor_cents));
    if (transaction.type == "CREDIT" && running.sum_cents > balance_cents_max)
        report(Check::entries, event, event.transaction_id, fmt::format("the balance rose to {}", running.sum_cents));
    if (event.outcome->balance_after_cents)
        check_balance_after(event, running);
    else
        report(Check::entries, event, event.transaction_id, "the entry has no balance_after");
}

void LaneAudit::check_refusal(const AuditedEvent& event, Running& running) {
    report_.examine(Check::refusals);
    const std::string wrong =
        wrong_refusal(event.outcome->failure_code, *event.transaction, running.account, running.sum_cents);
    if (!wrong.empty()) report(Check::refusals, event, event.transaction_id, wrong);
    // A discard is written later than its place in the lane suggests, so its balance is not the one at this point.
    if (event.outcome->balance_after_cents && event.outcome->failure_code != "discarded")
        check_balance_after(event, running);
}

void LaneAudit::check_balance_after(const AuditedEvent& event, Running& running) {
    const std::int64_t told = *event.outcome->balance_after_cents;
    const std::int64_t deviation = add(told, -running.sum_cents);
    if (deviation != 0 && deviation != running.deviation_cents)
        report(Check::entries, event, event.transaction_id,
               fmt::format("balance_after is {}, but the entries make {}", told, running.sum_cents));
    running.deviation_cents = deviation;
}

void LaneAudit::finish() {
    report_gap(last_seq_ + 1);
    for (const auto& [id, running] : accounts_) {
        report_.examine(Check::balances);
        if (running.account.balance_cents == running.sum_cents) continue;
        report_.violate(Check::balances, {lane_, 0, id.to_string(),
                                          fmt::format("the account's balance is {}, but its entries make {}",
                                                      running.account.balance_cents, running.sum_cents)});
    }
}

}  // namespace ledgerline::audit
