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
    milliseconds give_up{600'000};  // without any progress
    // Waits so long for a request to stop, and says whether it came. Called by the thread in run_import().
    std::function<bool(milliseconds)> wait_interrupt;
    // Told how many rows are settled, several times a second, by the same thread.
    std::function<void(std::int64_t)> on_progress;
    // Told once that an interrupt was seen.
    std::function<void()> on_interrupt;
};

struct ImportOutcome {
    ImportCounts counts;
    bool interrupted = false;
    std::optional<Error> error;  // why it ended early
    double seconds = 0;          // from the first request to the last answer
};

// What one connection of so many may hold of rows that are read and not sent: batches that wait, beside the one that is
// being filled. A row larger than a batch goes by itself.
struct ImportShare {
    std::size_t batch_bytes_max = 0;
    std::size_t batches_queued_max = 0;
};
ImportShare import_share(std::size_t connections);

// Rows are dealt to the connections by account, so that each account's order is the file's. Returns when every row is
// settled, or when an error or an interrupt has ended it: rows may then have been accepted that are not counted, and
// running the import again counts them. file stands at its beginning and holds what check was made of.
ImportOutcome run_import(const roles::Environment& environment, const ImportSettings& settings, const FileCheck& check,
                         std::istream& file);

}  // namespace ledgerline::cli
