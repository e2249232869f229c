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

// Why the refusal was wrong; empty when it was right. The rules are those of the API contract.
std::string wrong_refusal(const AuditedPlace& place, const AuditedAccount& account, std::int64_t balance_cents) {
    const std::string& code = place.decision->failure_code;
    const std::int64_t balance_after = add(balance_cents, place.net_cents);
    if (code == "discarded")
        return place.verdict == "discard" ? "" : "refused as discarded at a place that discards no dead letter";
    if (code == "account_suspended") return "";
    if (code == "insufficient_balance") {
        if (place.net_cents < 0 && balance_after < place.decision->floor_cents) return "";
        return fmt::format("refused for insufficient balance, but {} from {} keeps the floor {}", place.net_cents,
                           balance_cents, place.decision->floor_cents);
    }
    if (code == "balance_overflow") {
        if (place.net_cents > 0 && balance_after > balance_cents_max) return "";
        return fmt::format("refused for balance overflow, but the balance would have been {}", balance_after);
    }
    if (code == "currency_mismatch")
        return place.transaction->currency != account.currency
                   ? ""
                   : fmt::format("refused for its currency, but both are {}", account.currency);
    return fmt::format("refused for an unknown reason '{}'", code);
}

}  // namespace

void LaneAudit::report(Check check, const AuditedPlace& place, const Uuid& id, std::string detail) {
    report_.violate(check, {lane_, place.seq, id.to_string(), std::move(detail)});
}

void LaneAudit::take(const AuditedPlace& place) {
    if (!check_seq(place)) return;
    report_.examine(Check::dense);
    report_.examine(Check::identity);
    Running* running = check_identity(place);
    if (!place.verdict.empty()) check_origin(place);
    if (!running || place.seq > applied_seq_) return;
    report_.examine(Check::settled);
    check_decided(place, *running);
}

// Lane and identity --------------------------------------------------------------------------------------------------

bool LaneAudit::check_seq(const AuditedPlace& place) {
    if (place.seq < next_seq_) {
        report(Check::dense, place, place.event_id, "another place, decision or letter has the same seq");
        return false;
    }
    report_gap(place.seq);
    next_seq_ = place.seq + 1;
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

// The running state of the place's account; null when the place cannot be checked.
LaneAudit::Running* LaneAudit::check_identity(const AuditedPlace& place) {
    if (!place.transaction) {
        report(Check::identity, place, place.event_id, "the event's transaction does not exist");
        return nullptr;
    }
    const AuditedPlace::Transaction& transaction = *place.transaction;
    const auto account = accounts_.find(place.account_id);
    if (account == accounts_.end()) {
        report(Check::identity, place, place.transaction_id,
               fmt::format("account {} does not exist in this lane", place.account_id.to_string()));
        return nullptr;
    }
    const bool debit = transaction.type == "DEBIT";
    if ((!debit && transaction.type != "CREDIT") || transaction.amount_cents < 1 ||
        transaction.amount_cents > amount_cents_max) {
        report(Check::identity, place, place.transaction_id,
               fmt::format("{} of {} is no transaction", transaction.type, transaction.amount_cents));
        return nullptr;
    }
    if (place.net_cents != (debit ? -transaction.amount_cents : transaction.amount_cents))
        report(Check::identity, place, place.transaction_id,
               fmt::format("the place moves {}, but the transaction is a {} of {}", place.net_cents, transaction.type,
                           transaction.amount_cents));
    if (const auto& decision = place.decision) {
        if (decision->transaction_id != place.transaction_id || decision->account_id != place.account_id ||
            decision->amount_cents != place.net_cents)
            report(Check::identity, place, decision->transaction_id, "the decision is that of another place");
        if (decision->letter &&
            (decision->letter->event_id != place.event_id || decision->letter->transaction_id != place.transaction_id))
            report(Check::identity, place, decision->letter->id, "the dead letter is that of another event");
    }
    return &account->second;
}

void LaneAudit::check_origin(const AuditedPlace& place) {
    const bool replay = place.verdict == "replay";
    const Check check = replay ? Check::replays : Check::discards;
    report_.examine(check);
    if (!place.origin)
        report(check, place, place.transaction_id,
               fmt::format("the event {}s a dead letter that does not exist", place.verdict));
    else if (place.origin->state != (replay ? "REPLAYED" : "DISCARDED") ||
             place.origin->transaction_id != place.transaction_id)
        report(check, place, place.transaction_id,
               fmt::format("the event {}s a dead letter that was not {}, or one of another transaction", place.verdict,
                           replay ? "replayed" : "discarded"));
}

// What was decided ---------------------------------------------------------------------------------------------------

void LaneAudit::check_decided(const AuditedPlace& place, Running& running) {
    if (!place.decision) {
        report(Check::settled, place, place.transaction_id, "applied, but there is no decision");
        return;
    }
    report_.examine(Check::outcomes);
    if (place.decision->kind == "POSTED")
        check_entry(place, running);
    else if (place.decision->kind == "REFUSED")
        check_refusal(place, running);
    else
        check_parked(place);
    check_balance_after(place, running);
}

void LaneAudit::check_parked(const AuditedPlace& place) {
    const AuditedDecision& decision = *place.decision;
    if (!decision.letter) {
        report(Check::settled, place, place.transaction_id, "dead-lettered, but there is no dead letter");
        return;
    }
    const AuditedLetter& letter = *decision.letter;
    if (letter.state == "PARKED") return;
    const bool followed = decision.next && decision.next->lane == lane_ && decision.next->seq > place.seq &&
                          decision.next->transaction_id == place.transaction_id &&
                          decision.next->verdict == (letter.state == "REPLAYED" ? "replay" : "discard");
    if (!followed)
        report(letter.state == "REPLAYED" ? Check::settled : Check::discards, place, letter.id,
               fmt::format("the dead letter is {}, but no later event says so", letter.state));
}

void LaneAudit::check_entry(const AuditedPlace& place, Running& running) {
    report_.examine(Check::entries);
    report_.examine(Check::floor);
    if (place.verdict == "discard")
        report(Check::discards, place, place.transaction_id, "posted at a place that discards a dead letter");
    if (place.transaction->currency != running.account.currency)
        report(Check::entries, place, place.transaction_id,
               fmt::format("an amount in {} was posted to an account in {}", place.transaction->currency,
                           running.account.currency));
    running.sum_cents = add(running.sum_cents, place.net_cents);
    if (place.net_cents < 0 && running.sum_cents < running.account.floor_cents)
        report(
            Check::floor, place, place.transaction_id,
            fmt::format("the balance fell to {}, below the floor {}", running.sum_cents, running.account.floor_cents));
    if (place.net_cents > 0 && running.sum_cents > balance_cents_max)
        report(Check::entries, place, place.transaction_id, fmt::format("the balance rose to {}", running.sum_cents));
}

void LaneAudit::check_refusal(const AuditedPlace& place, Running& running) {
    report_.examine(Check::refusals);
    const std::string wrong = wrong_refusal(place, running.account, running.sum_cents);
    if (!wrong.empty()) report(Check::refusals, place, place.transaction_id, wrong);
}

void LaneAudit::check_balance_after(const AuditedPlace& place, Running& running) {
    const std::int64_t told = place.decision->balance_after_cents;
    const std::int64_t deviation = add(told, -running.sum_cents);
    if (deviation != 0 && deviation != running.deviation_cents)
        report(Check::entries, place, place.transaction_id,
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
