// A round: one database transaction that decides places of several lanes.
//
//     LEDGERLINE_TRY(auto round, decide_round(connection, {.windows = windows_of(runs), .runs = runs}, accounts));
//
// No promise rests on the windows: a place that could not be decided with what they hold waits, and so does everything
// behind it. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "apply/handed_places.h"
#include "apply/known_accounts.h"
#include "apply/ledger_store.h"
#include "base/uuid.h"
#include "db/connection.h"

namespace ledgerline::apply {

// How far lanes may be decided: their last seqs, by lane.
using Windows = std::map<int, std::int64_t>;

Windows windows_of(std::span<const LaneRun> runs);

struct RoundPlan {
    Windows windows;
    // Claims to be proven. A run that comes to nothing holds up its own lane, and what waits for it.
    std::span<const LaneRun> runs{};
    // Read further what the undecided places in the windows wait for. That is found before the lanes are locked: what
    // others decide meanwhile, nobody waits for any more, and what comes meanwhile waits for another round.
    bool widened = false;
    // Widen under the locks of every lane there is: whatever can be decided is.
    bool all_lanes = false;
    // Decide one event, the first one that can be.
    bool one = false;
    // Lanes in which attempts were counted: those of what is decided there are forgotten.
    const std::set<int>& failing;
    // What intake has handed over. Null: nothing.
    HandedPlaces* handed = nullptr;
};

struct Round {
    std::vector<ApplyResult::Status> statuses;  // of the runs, as if nothing waited
    std::vector<Applied> outcomes;              // in the order in which they were decided
    Uuid event_id;                              // the last one that was decided
    // With RoundPlan::one: why the database refuses the decision of event_id. Nothing has changed.
    std::optional<Error> refusal{};
};

// Locks the lanes of the windows in ascending order, reads where they stand, and what is not known of their undecided
// places and of the accounts, in statements that begin after that, decides in an order that every lane's order is part
// of, writes one decision a place, and commits. Where all is known it decides first, and sends everything in one round
// trip: the database refuses what is not as it was known, and the round is made again. accounts: those of earlier
// rounds on this connection. After an error, or a refusal, nothing has changed in the database, and accounts must be
// forgotten.
Result<Round> decide_round(db::Connection& connection, const RoundPlan& plan, KnownAccounts& accounts);

// The statements of a round that finds nothing, without begin and commit: whether it would be allowed.
std::vector<db::Call> empty_round();

}  // namespace ledgerline::apply
