// ImportSender: one connection of an import. Makes accounts, and sends batches of rows until every row is settled.
//
// Everything it sends may be sent again without harm: accounts are found by their reference, rows by their key. So it
// repeats what failed for a passing reason, after a growing, jittered delay, until the import as a whole gives up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "cli/import/check.h"
#include "cli/import/state.h"
#include "cli/server.h"

namespace ledgerline::cli {

// One row as it is sent.
struct BatchRow {
    std::uint64_t line = 0;
    std::size_t account = 0;   // which of the import's
    std::string body;          // JSON
    bool may_be_ours = false;  // an earlier try may have been accepted, so that a replay would say nothing
    int internal_errors = 0;
    std::optional<bool> known = {};  // whether the server had it before this import; set once it is accepted
};
using Batch = std::vector<BatchRow>;

// Not thread-safe: one thread at a time.
class ImportSender {
public:
    // The state and the randomness must outlive it.
    ImportSender(Server server, Random& random, ImportState& state);

    // The id of the account with that reference, which is created when it is missing. Nothing when the import ends
    // first.
    std::optional<std::string> ensure_account(const ImportAccount& account);

    // Returns when every row is settled and counted, or the import ends. Each account's rows keep their order: what is
    // sent again is sent before anything that follows the batch, and a row that the server let a later one of its
    // account overtake is never sent again; it counts as refused.
    void settle(Batch batch);

private:
    // One request; a passing failure is waited out. Nothing when the import ends.
    std::optional<Answer> call(const std::string& target, const std::string& body,
                               const std::vector<http::Header>& headers, bool& may_have_arrived);
    // Takes the rows that have ended out of the batch. Returns why the others must be sent again, "" when there are
    // none.
    std::string take_results(const json::Array& results, Batch& batch);
    bool wait(std::optional<milliseconds> retry_after, const std::string& reason);

    Server server_;
    ImportState& state_;
    Backoff backoff_;
};

}  // namespace ledgerline::cli
