// BulkDecision: replay or discard all dead letters that a filter selects.
//
// Letters are decided one by one, each by the API's compare-and-set, the oldest first: a replayed transaction counts as
// accepted when it is replayed, so this keeps their order. Only letters that had failed when the command began are
// decided; one that fails again meanwhile is not met a second time. So it can be interrupted anywhere, and begun again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/letter_filter.h"
#include "cli/output.h"
#include "cli/server.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// How many letters one command decides at most, and how many in a second, unless it is told otherwise.
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
    // Sleeps at most so long. True: somebody wants it to end.
    std::function<bool(milliseconds)> wait_interrupt;
};

// The path of a letter, or below it.
std::string letter_path(const std::string& letter_id);
// X-Operator, where there is a name.
std::vector<http::Header> operator_header(const std::string& operator_name);
// The body of a decision; "" when there is nothing to say.
std::string decision_body(const std::string& reason, const std::string& bulk_id = {});

// The exit code. Refusals of single letters are reported and passed over; an error that ends it was none of a letter's.
Result<int> decide_in_bulk(const roles::Environment& environment, const BulkSettings& settings, Server& server);

}  // namespace ledgerline::cli
