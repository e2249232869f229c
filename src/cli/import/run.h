// The second pass of an import: sends the good rows of a checked file over several connections.
#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <span>

#include "cli/import/check.h"
#include "cli/import/state.h"
#include "cli/server.h"
#include "roles/environment.h"

namespace ledgerline::cli {

struct ImportSettings {
    ServerOptions server;
    std::int64_t connections = 4;
    std::int64_t batch_rows = 500;
    milliseconds give_up{600'000};                  // without any progress
    FindAsset find_asset = ledgerline::find_asset;  // as the file was checked with
    // Waits that long for an interrupt, and returns whether one came. Called by the thread that runs run_import().
    std::function<bool(milliseconds)> wait_interrupt;
    // Called with the number of settled rows several times a second, by the same thread.
    std::function<void(std::int64_t)> on_progress;
    // Called once when an interrupt was seen.
    std::function<void()> on_interrupt;
};

struct ImportOutcome {
    ImportCounts counts;
    bool interrupted = false;
    std::optional<Error> error;  // why it ended early
    double seconds = 0;          // from the first request to the last answer
};

// How many rows that are read but not sent one connection may hold: batches that wait, and the one being filled. A row
// larger than a batch is sent alone.
struct ImportShare {
    std::size_t batch_bytes_max = 0;
    std::size_t batches_queued_max = 0;
};
ImportShare import_share(std::size_t connections);

// Rows are assigned to connections by account, and accounts that transfers join to the same one, so that each account's
// rows stay in file order. Returns when every row
// is settled, or when an error or an interrupt has ended the import: rows may then have been accepted that are not
// counted, and running the import again counts them. file is at its beginning, with the content that check was made
// from.
ImportOutcome run_import(const roles::Environment& environment, const ImportSettings& settings, const FileCheck& check,
                         std::istream& file);

}  // namespace ledgerline::cli
