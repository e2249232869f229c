// BulkDecision: replay or discard all dead letters that a filter selects.
//
// Letters are decided one by one, oldest first, each by the API's compare-and-set: a replayed transaction gets its new
// place when it is replayed, so this keeps their order. Only letters that had failed when the command began are
// decided; one that fails again meanwhile is not decided twice. So the command can be interrupted at any point and run
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/field_options.h"
#include "cli/output.h"
#include "cli/server.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// Defaults: how many letters one command decides at most, and how many per second.
inline constexpr std::int64_t bulk_letters_default = 1000;
inline constexpr std::int64_t bulk_letters_max = 1'000'000;
inline constexpr std::int64_t bulk_rate_default = 100;
inline constexpr std::int64_t bulk_rate_max = 10'000;

struct BulkSettings {
    std::string decision;  // "replay" or "discard"
    LetterQuery letters;
    std::string operator_name;
    std::string reason;
    std::int64_t letters_max = bulk_letters_default;
    std::int64_t letters_per_second = bulk_rate_default;
    bool execute = false;  // false: only show what would be done
    OutputOptions output;
    // Sleeps for at most that long. Returns true when the command should stop.
    std::function<bool(milliseconds)> wait_interrupt;
};

// The path of a letter.
std::string letter_path(const std::string& letter_id);
// The body of a decision; "" when it would be empty.
std::string decision_body(const std::string& reason, const std::string& bulk_id = {});

// Returns the exit code. A letter that the server refuses is reported and skipped; any other error ends the command.
Result<int> decide_in_bulk(const roles::Environment& environment, const BulkSettings& settings, Server& server);

}  // namespace ledgerline::cli
