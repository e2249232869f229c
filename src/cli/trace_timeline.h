// Timeline: a transaction's life from GET /v1/transactions/{id}/trace, step by step, for people.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/amounts.h"

namespace ledgerline::cli {

struct TraceStep {
    std::string at;  // "" when the time is not recorded or has not come
    std::string name;
    std::string details;
};

// In order of occurrence; what it waits for comes last.
std::vector<TraceStep> timeline_of(const json::Value& trace, const WriteAmount& write);

// A headline, the steps as a table with the time since acceptance, and the lane's cursors.
void print_timeline(std::ostream& out, const json::Value& trace, const WriteAmount& write);

}  // namespace ledgerline::cli
