#include "apply/pg_named.h"

namespace ledgerline::apply {

using Status = NamedTransaction::Status;

void PgNamed::add_names(const Event& place, std::vector<Uuid>& ids) {
    if (place.previous_id) ids.push_back(*place.previous_id);
    if (place.type == TransactionType::reversal) ids.push_back(db::required(place.parent_id));
}

void PgNamed::take(const std::vector<sql::ApplyReadNamed::Row>& rows) {
    for (const auto& row : rows)
        named_.try_emplace(row.id, NamedTransaction{row.status == "PROCESSED" ? Status::processed
                                                    : row.status == "FAILED"  ? Status::failed
                                                                              : Status::undecided,
                                                    row.amount_cents, row.reversed_cents});
}

bool PgNamed::lets_pass(const Event& first) const {
    if (!first.previous_id) return true;
    const auto previous = named_.find(*first.previous_id);
    return previous != named_.end() && previous->second.status == Status::processed;
}

std::vector<Posting> PgNamed::reverse(const Event& first, std::span<const Touch> touches) {
    const Uuid reversed_id = db::required(first.parent_id);
    const auto found = named_.find(reversed_id);
    db::expect(found != named_.end(), "expected the transaction that a reversal names");
    NamedTransaction& reversed = found->second;
    auto postings = post_reversal(reversed, first.amount_cents, touches);
    if (postings.front().refusal) return postings;
    reversed_ids_.push_back(reversed_id);
    seqs_.push_back(first.seq);
    transaction_ids_.push_back(first.transaction_id);
    amounts_.push_back(reversed.amount_cents);
    reversed_.push_back(reversed.reversed_cents);
    return postings;
}

void PgNamed::decided(const Uuid& transaction_id, bool processed) {
    const auto named = named_.find(transaction_id);
    if (named != named_.end()) named->second.status = processed ? Status::processed : Status::failed;
}

void PgNamed::append_writes(std::vector<db::Call>& calls) const {
    if (!reversed_ids_.empty()) calls.push_back(steps());
}

db::Call PgNamed::steps() const {
    return sql::ApplyWriteReversalSteps{.reversed_ids = reversed_ids_,
                                        .seqs = seqs_,
                                        .transaction_ids = transaction_ids_,
                                        .amounts_cents = amounts_,
                                        .reversed_cents = reversed_};
}

}  // namespace ledgerline::apply
