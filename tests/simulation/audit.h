// The auditor: recomputes from what was accepted what must have come of it, without the code it judges.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/failing_producer.h"
#include "lab/memory_database.h"

namespace ledgerline::test {

// What a client was told to be created, in the order in which it was told.
struct Receipt {
    Uuid transaction_id;
    int lane = 0;
    std::int64_t seq = 0;
};

// What is wrong with a ledger that has come to rest; empty when the promises hold:
//   - everything in a receipt is there, each lane's receipts in ascending order, the lanes dense and their cursors at
//     the end (G1, G3, G4);
//   - each event has one outcome at all its places or one letter, each transaction one outcome or one parked letter
//     (G1, G2, G5);
//   - outcomes and balances are those of a plain recomputation in an order that every lane agrees with, never below
//     the floor (G2, G3).
// opening_cents: each account's balance before the first event.
std::vector<std::string> audit(const MemoryTables& tables, const std::map<Uuid, std::int64_t>& opening_cents,
                               const std::vector<Receipt>& receipts);

// What is wrong with the topic of outcomes: each place has its outcome there, for the first time in the order of its
// lane, the same whenever it comes again; and nothing else is there. lost_tails: servers have taken over that lacked
// the newest commits. Then there are outcomes of what was lost, too, and what was decided again counts as it came last.
std::vector<std::string> audit_told(const MemoryTables& tables, const SharedTopic& topic, bool lost_tails);

}  // namespace ledgerline::test
