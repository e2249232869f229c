#include "audit/lane_audit.h"

#include <fmt/format.h>

#include "audit/wrong_refusal.h"
#include "base/money.h"

namespace ledgerline::audit {
namespace {

std::string text_of(std::optional<std::int64_t> ceiling_cents) {
    return ceiling_cents ? std::to_string(*ceiling_cents) : "none";
}

}  // namespace

void LaneAudit::report(Check check, const AuditedPlace& place, const Uuid& id, std::string detail) {
    const auto account = accounts_.find(place.account_id);
    report_.violate(check, {lane_, place.seq, id.to_string(), std::move(detail),
                            account == accounts_.end() ? "" : account->second.account.currency});
}

std::int64_t LaneAudit::Running::sum_cents() const { return add(told_cents, -deviation_cents); }

void LaneAudit::begin_window(std::span<const AuditedAccount> accounts) {
    accounts_.clear();
    for (const AuditedAccount& account : accounts) {
        const auto deviation = deviations_.find(account.id);
        accounts_.try_emplace(account.id, Running{account, account.balance_cents, account.held_cents,
                                                  deviation == deviations_.end() ? 0 : deviation->second});
    }
}

void LaneAudit::take_decision_without_place(std::int64_t seq, const AuditedDecision& decision) {
    report_.violate(Check::outcomes, {lane_, seq, decision.transaction_id.to_string(), "the decision has no event"});
    remember(decision);
}

void LaneAudit::take(const AuditedPlace& place) {
    if (!check_seq(place)) return;
    report_.examine(Check::dense);
    report_.examine(Check::identity);
    Running* running = check_identity(place);
    if (!place.verdict.empty()) check_origin(place);
    if (place.transaction) check_whole(place);
    if (place.seq <= applied_seq_) {
        if (running) {
            report_.examine(Check::settled);
            check_decided(place, *running);
        }
        if (place.decision) remember(*place.decision);
    }
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
    const bool has_legs = transaction.has_legs;
    const bool debit = transaction.type == "DEBIT";
    if ((!has_legs && !transaction.moves_nothing() && !debit && transaction.type != "CREDIT") ||
        transaction.amount_cents < 1 || (!has_legs && transaction.amount_cents > amount_cents_max)) {
        report(Check::identity, place, place.transaction_id,
               fmt::format("{} of {} is no transaction", transaction.type, transaction.amount_cents));
        return nullptr;
    }
    // What the places of a transfer move: check_legs().
    const std::int64_t moved = transaction.moves_nothing() ? 0
                               : debit                     ? -transaction.amount_cents
                                                           : transaction.amount_cents;
    if (!has_legs && place.net_cents != moved)
        report(Check::identity, place, place.transaction_id,
               fmt::format("the place moves {}, but the transaction is a {} of {}", place.net_cents, transaction.type,
                           transaction.amount_cents));
    check_decision_identity(place);
    return &account->second;
}

void LaneAudit::check_decision_identity(const AuditedPlace& place) {
    if (!place.decision) return;
    const AuditedDecision& decision = *place.decision;
    if (decision.transaction_id != place.transaction_id || decision.account_id != place.account_id ||
        decision.amount_cents != place.net_cents)
        report(Check::identity, place, decision.transaction_id, "the decision is that of another place");
    if (!decision.letter) return;
    const AuditedLetter& letter = *decision.letter;
    if (letter.event_id != place.event_id || letter.transaction_id != place.transaction_id)
        report(Check::identity, place, letter.id, "the dead letter is that of another event");
    // A letter names the place of the transaction's first account.
    else if (place.is_first(lane_) && (letter.lane != lane_ || letter.seq != place.seq))
        report(Check::identity, place, letter.id,
               fmt::format("the dead letter names lane {} seq {}, another place", letter.lane, letter.seq));
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
    const AuditedSettings settings = running.account.settings_at(place.seq);
    check_settings(place, settings);
    if (place.decision->kind == "POSTED")
        check_entry(place, running, settings);
    else if (place.decision->kind == "REFUSED")
        check_refusal(place, running, settings);
    else
        check_parked(place);
    check_balance_after(place, running);
    check_held_after(place, running);
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

void LaneAudit::check_settings(const AuditedPlace& place, const AuditedSettings& settings) {
    report_.examine(Check::settings);
    const AuditedDecision& decision = *place.decision;
    const auto say = [&](std::string detail) {
        report(Check::settings, place, place.transaction_id, std::move(detail));
    };
    if (decision.floor_cents != settings.floor_cents)
        say(fmt::format("decided with the floor {}, but the account's was {}", decision.floor_cents,
                        settings.floor_cents));
    if (decision.ceiling_cents != settings.ceiling_cents)
        say(fmt::format("decided with the ceiling {}, but the account's was {}", text_of(decision.ceiling_cents),
                        text_of(settings.ceiling_cents)));
    const bool takes =
        settings.status == "ACTIVE" || (settings.status == "SUSPENDED" && place.transaction->type == "RELEASE");
    if (decision.kind == "POSTED" && !takes) say(fmt::format("posted to an account that was {}", settings.status));
}

void LaneAudit::check_entry(const AuditedPlace& place, const Running& running, const AuditedSettings& settings) {
    report_.examine(Check::entries);
    report_.examine(Check::floor);
    if (place.verdict == "discard")
        report(Check::discards, place, place.transaction_id, "posted at a place that discards a dead letter");
    if (!place.has_legs() && place.transaction->currency != running.account.currency)
        report(Check::entries, place, place.transaction_id,
               fmt::format("an amount in {} was posted to an account in {}", place.transaction->currency,
                           running.account.currency));
    const std::int64_t sum_cents = add(running.sum_cents(), place.net_cents);
    const AuditedDecision& decision = *place.decision;
    const std::int64_t change = add(place.net_cents, -decision.held_delta_cents);
    if (change < 0 && add(sum_cents, -decision.held_after_cents) < settings.floor_cents)
        report(Check::floor, place, place.transaction_id,
               fmt::format("the balance fell to {}, below the floor {}", sum_cents, settings.floor_cents));
    if (place.net_cents > 0 && settings.ceiling_cents && sum_cents > *settings.ceiling_cents)
        report(Check::floor, place, place.transaction_id,
               fmt::format("the balance rose to {}, above the ceiling {}", sum_cents, *settings.ceiling_cents));
    if (place.net_cents > 0 && sum_cents > balance_cents_max)
        report(Check::entries, place, place.transaction_id, fmt::format("the balance rose to {}", sum_cents));
}

void LaneAudit::check_refusal(const AuditedPlace& place, const Running& running, const AuditedSettings& settings) {
    report_.examine(Check::refusals);
    const std::string wrong = wrong_refusal(place, running.account.currency, running.sum_cents(), settings);
    if (!wrong.empty()) report(Check::refusals, place, place.transaction_id, wrong);
}

void LaneAudit::check_balance_after(const AuditedPlace& place, Running& running) {
    const bool posted = place.decision->kind == "POSTED";
    const std::int64_t sum_cents = add(running.sum_cents(), posted ? place.net_cents : 0);
    const std::int64_t told = place.decision->balance_after_cents;
    const std::int64_t deviation = add(told, -sum_cents);
    if (deviation == running.deviation_cents) return;
    if (deviation != 0)
        report(Check::entries, place, place.transaction_id,
               fmt::format("balance_after is {}, but the entries make {}", told, sum_cents));
    running.deviation_cents = deviation;
    if (deviation == 0)
        deviations_.erase(place.account_id);
    else if (deviations_.size() < deviations_max || deviations_.contains(place.account_id))
        deviations_[place.account_id] = deviation;
}

// Each decision against the account's decision before it: the steps of holds are checked by their own keys.
void LaneAudit::check_held_after(const AuditedPlace& place, const Running& running) {
    const AuditedDecision& decision = *place.decision;
    const std::int64_t held_cents =
        add(running.told_held_cents, decision.kind == "POSTED" ? decision.held_delta_cents : 0);
    if (decision.held_after_cents != held_cents)
        report(Check::holds, place, place.transaction_id,
               fmt::format("held_after is {}, but the holds make {}", decision.held_after_cents, held_cents));
}

void LaneAudit::remember(const AuditedDecision& decision) {
    const auto running = accounts_.find(decision.account_id);
    if (running == accounts_.end()) return;
    running->second.told_cents = decision.balance_after_cents;
    running->second.told_held_cents = decision.held_after_cents;
}

void LaneAudit::finish() { report_gap(last_seq_ + 1); }

}  // namespace ledgerline::audit
