// verify: recomputes the ledger from its immutable rows, on a system that may be running meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "audit/verify_report.h"
#include "base/clock.h"
#include "base/result.h"
#include "db/connection.h"

namespace ledgerline::audit {

struct VerifySettings {
    std::int64_t stretch_seqs = 10'000;  // of a lane, or rows of a table, read at a time
    // How long to wait before looking again at a lane that seems stuck.
    milliseconds second_look{2'000};
    std::size_t listed_max = 20;  // listed violations per check; all are counted
    // Called with the number of events read and the total, by one thread at a time.
    std::function<void(std::int64_t done, std::int64_t total)> on_progress;
};

// Rows that belong nowhere in the ledger are counted up to this number per lane and kind.
inline constexpr std::int64_t strays_max = 1000;

// Each statement takes its own snapshot and reads one window: for each lane once the cursors, then the immutable rows
// up to those cursors; at last the accounts, the holds and the steps. Lanes are read side by side, one by each
// connection at a time: at least one connection. Memory: the rows and accounts of one window a connection. Fails only
// when the database cannot be read.
Result<VerifyReport> verify(std::span<db::Connection> connections, const VerifySettings& settings);
inline Result<VerifyReport> verify(db::Connection& connection, const VerifySettings& settings) {
    return verify(std::span(&connection, 1), settings);
}

}  // namespace ledgerline::audit
