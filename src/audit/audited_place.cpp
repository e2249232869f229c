#include "audit/audited_place.h"

namespace ledgerline::audit {

AuditedSettings AuditedAccount::settings_at(std::int64_t seq) const {
    AuditedSettings then = settings;
    // The last to be applied is the first change after that place.
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
        if (change->applied_seq < seq) continue;
        if (change->status) then.status = *change->status;
        if (change->min_balance_cents) then.floor_cents = *change->min_balance_cents;
        if (change->sets_ceiling) then.ceiling_cents = change->max_balance_cents;
    }
    return then;
}

std::optional<AuditedDecision> decision_of(const sql::AuditPlaces::Row& row) {
    if (!row.kind) return std::nullopt;
    return AuditedDecision{.kind = *row.kind,
                           .transaction_id = db::required(row.decided_transaction_id),
                           .account_id = db::required(row.decided_account_id),
                           .amount_cents = db::required(row.decided_cents),
                           .balance_after_cents = db::required(row.balance_after_cents),
                           .floor_cents = db::required(row.floor_cents),
                           .failure_code = row.failure_code.value_or(""),
                           .held_delta_cents = db::required(row.held_delta_cents),
                           .held_after_cents = db::required(row.held_after_cents),
                           .ceiling_cents = row.ceiling_cents,
                           .letter_id = row.letter_id};
}

std::optional<AuditedPlace> place_of(const sql::AuditPlaces::Row& row) {
    if (!row.event_id) return std::nullopt;
    AuditedPlace place{.seq = row.seq,
                       .event_id = *row.event_id,
                       .transaction_id = db::required(row.transaction_id),
                       .account_id = db::required(row.account_id),
                       .net_cents = db::required(row.net_cents),
                       .places = db::required(row.places),
                       .further = db::required(row.further),
                       .verdict = row.verdict.value_or(""),
                       .decision = decision_of(row)};
    if (row.amount_cents)
        place.transaction = {*row.amount_cents, db::required(row.currency), db::required(row.type),
                             db::required(row.has_legs)};
    return place;
}

void add_letters(AuditedPlace& place, const sql::AuditLetters::Row& row) {
    if (place.decision && row.letter_id && place.decision->letter_id == row.letter_id)
        place.decision->letter = {*row.letter_id,
                                  db::required(row.letter_state),
                                  row.letter_event_id.value_or(Uuid{}),
                                  row.letter_transaction_id.value_or(Uuid{}),
                                  row.letter_lane.value_or(-1),
                                  row.letter_seq.value_or(0)};
    if (place.decision && row.next_seq)
        place.decision->next = {db::required(row.next_lane), *row.next_seq, row.next_verdict.value_or(""),
                                db::required(row.next_transaction_id)};
    if (row.origin_state) place.origin = {{}, *row.origin_state, {}, row.origin_transaction_id.value_or(Uuid{})};
}

}  // namespace ledgerline::audit
