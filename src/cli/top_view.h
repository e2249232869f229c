// What `ledgerline top` shows, computed from two looks at the servers. Pure functions: the command makes the requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "cli/stats.h"

namespace ledgerline::cli {

// One look at all servers.
struct Look {
    struct Process {
        std::string url;
        std::optional<Stats> stats;  // empty when it did not answer
        std::string error;           // the reason if it did not
    };
    SteadyTime at;
    std::vector<Process> processes;
    json::Value lanes;  // the member lanes of GET /v1/lanes; null when no server returned it
};

// Per second, over all processes.
using TopRates = Counters;

// In seconds; empty when nothing was measured between the looks.
struct TopLatency {
    std::string name;
    double count = 0;
    std::optional<double> p50, p95, p99;
};

struct TopLane {
    std::int64_t lane = 0;
    std::int64_t to_publish = 0;
    std::int64_t to_apply = 0;  // including what is not published yet
    std::optional<std::int64_t> oldest_ms;
    std::string owner;
    std::string note;  // what is wrong with the lane
};

struct TopProcess {
    std::string url;
    std::string version;
    std::string error;  // empty when it answered
    TopRates rates;
};

struct TopView {
    double seconds = 0;  // between the looks
    TopRates rates;
    std::int64_t dead_letters_parked = 0;
    std::vector<TopLatency> latencies;
    std::vector<TopLane> lanes;  // empty when no server reported lanes
    std::vector<TopProcess> processes;

    std::int64_t to_publish() const;
    std::int64_t to_apply() const;
    std::optional<std::int64_t> oldest_ms() const;
};

// Both looks have the same processes, in the same order. What a process counted before a restart is ignored, not
// subtracted.
TopView top_view(const Look& before, const Look& after);

// For programs: one object.
json::Value to_json(const TopView& view);
// For people: lines of text, without line ends.
std::vector<std::string> to_lines(const TopView& view);

}  // namespace ledgerline::cli
