// ImportSender: one connection of an import. Creates accounts, and sends batches of rows until every row is settled.
//
// Everything it sends is safe to repeat: accounts are found by their reference, rows by their key. So it retries
// transient failures, after a growing, jittered delay, until the import as a whole gives up.
#pragma once

#include <array>
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
    // Indices in the import's accounts, of the one or two that it touches.
    std::array<std::size_t, 2> accounts = {};
    std::string body;          // JSON
    bool may_be_ours = false;  // an earlier try may have been accepted, so a replay proves nothing
    int internal_errors = 0;
    std::optional<bool> known = {};  // whether the server had it before this import; set once accepted
};
using Batch = std::vector<BatchRow>;

// Not thread-safe: one thread at a time.
class ImportSender {
public:
    // state and random must outlive it.
    ImportSender(Server server, Random& random, ImportState& state);

    // The account's id. An account named by its reference is created if missing. Empty when the import ends first.
    std::optional<std::string> ensure_account(const ImportAccount& account);

    // Returns when every row is settled and counted, or when the import ends. Each account's rows stay in order: rows
    // are sent again before anything that follows the batch, and a row that a later one of its account has overtaken on
    // the server is never sent again; it counts as refused.
    void settle(Batch batch);

private:
    // One request, with retries after transient failures. Empty when the import ends.
    std::optional<Answer> call(const std::string& target, const std::string& body,
                               const std::vector<http::Header>& headers, bool& may_have_arrived);
    // Removes the finished rows from the batch. Returns why the others must be sent again, or "" when there are none.
    std::string take_results(const json::Array& results, Batch& batch);
    bool wait(std::optional<milliseconds> retry_after, const std::string& reason);

    Server server_;
    ImportState& state_;
    Backoff backoff_;
};

}  // namespace ledgerline::cli
