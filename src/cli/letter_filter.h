// LetterFilter: the dead letters that a command selects, as flags and as the API's query.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/server.h"

namespace ledgerline::cli {

// The filter in the API's form: "&name=value" for each.
struct LetterQuery {
    std::string filters;        // all except failed_before
    std::string failed_before;  // "" when there is no such bound

    std::string all() const { return filters + failed_before; }
};

struct LetterFilter {
    std::string error_class;
    std::string error_code;
    std::string account;  // id or reference
    std::optional<std::int64_t> lane;
    std::optional<milliseconds> older_than;
    std::optional<milliseconds> newer_than;

    bool is_empty() const;
    // Ages count back from now. Asks the server for the account's id if a reference is given.
    Result<LetterQuery> query(Server& server, WallTime now) const;
};

void declare_letter_filter(Command& command, LetterFilter& filter);

}  // namespace ledgerline::cli
