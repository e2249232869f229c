#include "apply/pg_holds.h"

#include <utility>

namespace ledgerline::apply {

bool is_of_hold(const Event& place) {
    return place.type == TransactionType::hold || place.type == TransactionType::capture ||
           place.type == TransactionType::release;
}

void PgHolds::take(std::vector<Request> requests) {
    for (Request& request : requests) {
        const auto status = parse_hold_status(request.state);
        db::expect(status.has_value(), "expected the state of a hold");
        holds_.try_emplace(request.hold_id, Hold{*status, request.amount_cents, request.captured_cents,
                                                 request.released_cents, request.expires_at});
        requests_.emplace(request.transaction_id, std::move(request));
    }
}

std::vector<Posting> PgHolds::post(const Event& first, std::span<Touch> touches) {
    const auto found = requests_.find(first.transaction_id);
    db::expect(found != requests_.end(), "expected the hold of a capture or release");
    const Request& request = found->second;
    Hold& hold = holds_.at(request.hold_id);
    auto postings = ledgerline::post(
        hold, {first.type, first.amount_cents, request.final, request.by_expiry, request.accepted_at}, touches);
    if (postings.front().refusal) return postings;
    if (first.type == TransactionType::hold) opened_.push_back(request.hold_id);
    if (hold.status != HoldStatus::open) settled_.push_back(request.hold_id);
    hold_ids_.push_back(request.hold_id);
    seqs_.push_back(first.seq);
    transaction_ids_.push_back(first.transaction_id);
    amounts_.push_back(hold.amount_cents);
    captured_.push_back(hold.captured_cents);
    released_.push_back(hold.released_cents);
    states_.emplace_back(name_of(hold.status));
    return postings;
}

void PgHolds::discard(const Event& first) {
    const auto hold = holds_.find(first.transaction_id);
    if (hold != holds_.end()) hold->second.status = HoldStatus::failed;
}

void PgHolds::append_writes(std::vector<db::Call>& calls) const {
    if (hold_ids_.empty()) return;
    calls.push_back(steps());
    if (!opened_.empty()) calls.push_back(sql::ApplyWriteDueHolds{opened_});
    if (!settled_.empty()) calls.push_back(sql::IntakeForgetDueHolds{settled_});
}

db::Call PgHolds::steps() const {
    return sql::ApplyWriteHoldSteps{.hold_ids = hold_ids_,
                                    .seqs = seqs_,
                                    .transaction_ids = transaction_ids_,
                                    .amounts_cents = amounts_,
                                    .captured_cents = captured_,
                                    .released_cents = released_,
                                    .states = states_};
}

}  // namespace ledgerline::apply
