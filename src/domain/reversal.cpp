#include "domain/reversal.h"

#include <fmt/format.h>

namespace ledgerline {

bool is_reversible(TransactionType type) {
    return type == TransactionType::debit || type == TransactionType::credit || type == TransactionType::transfer ||
           type == TransactionType::capture;
}

std::vector<Posting> post_reversal(NamedTransaction& reversed, std::int64_t amount_cents,
                                   std::span<const Touch> touches) {
    using Status = NamedTransaction::Status;
    if (reversed.status == Status::undecided)
        return refuse(touches, Refusal::parent_undecided, "the transaction to reverse is not decided yet");
    if (reversed.status == Status::failed)
        return refuse(touches, Refusal::transaction_failed, "the transaction to reverse was refused");
    if (amount_cents > reversed.rest_cents())
        return refuse(touches, Refusal::reversal_exceeds_transaction,
                      fmt::format("reversal exceeds the transaction: {} of {} are left to reverse",
                                  reversed.rest_cents(), reversed.amount_cents));
    std::vector<Posting> postings = post(touches);
    if (!postings.front().refusal) reversed.reversed_cents += amount_cents;
    return postings;
}

std::vector<Posting> refuse_follower(std::span<const Touch> touches) {
    return refuse(touches, Refusal::previous_failed, "the transaction before it was not processed");
}

}  // namespace ledgerline
