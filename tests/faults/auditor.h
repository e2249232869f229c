// The auditor: holds what the database says after a fault test against what the clients were told.
//
// It shares no code with the product: statements of its own, and a model of the posting rules of its own. Only at the
// end the product's own `ledgerline verify` is asked as well.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "faults/clients.h"
#include "lab/postgres_server.h"

namespace ledgerline::test {

// What the test itself wrote to the topic.
struct Injected {
    // Messages that announce nothing of ours, by value: one dead letter each. Of the second kind a letter may be
    // missing: what lies at or below the cursor when it is read is dropped as a duplicate.
    std::vector<std::string> foreign;
    std::vector<std::string> perhaps_foreign;
};

// How long nothing may move before a ledger counts as stuck.
inline constexpr milliseconds stuck_after{60'000};

// Waits until every lane is published and applied to its end. False, with a note, when it is stuck.
bool wait_drained(const PostgresServer& server, const std::string& database = PostgresServer::ledger,
                  milliseconds stuck = stuck_after);

// Drained, then checks:
//   - every transaction that was answered with 201 is stored once, as it was sent, and nothing else is;
//   - each ended once, PROCESSED or FAILED, or, if its key says that it was poisoned, is parked;
//   - outcomes, balances and held sums after each decision and at the end are those of a model (model.h) that takes the
//     stored events in the order of their lanes;
//   - on accounts that one client uses alone this is the order in which that client came to know them;
//   - dead letters are exactly the injected poison;
//   - `ledgerline verify` ends with exit code 0.
// Returns what is wrong, in words; nothing when all is well.
std::vector<std::string> audit(const PostgresServer& server, const std::string& database,
                               const std::vector<Evidence>& evidence, const Injected& injected = {},
                               milliseconds stuck = stuck_after);

}  // namespace ledgerline::test
