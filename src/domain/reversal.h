// Reversals and chains: what a transaction asks of another one, and whether that lets it pass. Pure functions, no I/O.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "domain/event.h"
#include "domain/posting.h"

namespace ledgerline {

// A transaction that others name: they reverse it, or follow it.
struct NamedTransaction {
    enum class Status { undecided, failed, processed };
    Status status = Status::undecided;
    std::int64_t amount_cents = 0;
    std::int64_t reversed_cents = 0;  // by all reversals so far

    std::int64_t rest_cents() const { return amount_cents - reversed_cents; }
};

// Only what moves money can be reversed: not holds, which are released, nor reversals.
bool is_reversible(TransactionType type);

// Decides a reversal of amount_cents together with what it moves: it changes the transaction and all accounts, or
// nothing.
std::vector<Posting> post_reversal(NamedTransaction& reversed, std::int64_t amount_cents,
                                   std::span<const Touch> touches);

// Refuses what follows a transaction that was not processed.
std::vector<Posting> refuse_follower(std::span<const Touch> touches);

}  // namespace ledgerline
