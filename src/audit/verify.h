// verify: recomputes the ledger from its immutable rows, on a system that may be at work meanwhile.
#pragma once

#include <cstdint>
#include <functional>

#include "audit/verify_report.h"
#include "base/clock.h"
#include "base/result.h"
#include "db/connection.h"

namespace ledgerline::audit {

struct VerifySettings {
    std::int64_t stretch_seqs = 10'000;  // of a lane, read at once
    // After how long a lane that seems to stand still is looked at again.
    milliseconds second_look{2'000};
    std::size_t listed_max = 20;  // violations of each check that are listed; all are counted
    // Told how many of how many events are read.
    std::function<void(std::int64_t done, std::int64_t total)> on_progress;
};

// Rows that have no place in the ledger at all are counted up to this many a lane and kind.
inline constexpr std::int64_t strays_max = 1000;

// Every statement takes a snapshot of its own: for each lane the cursors and the balances once, then the immutable rows
// up to there, a stretch at a time. Memory: the accounts of one lane and the rows of one stretch. Fails only when the
// database cannot be read.
Result<VerifyReport> verify(db::Connection& connection, const VerifySettings& settings);

}  // namespace ledgerline::audit
