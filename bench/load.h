// Load: sends requests over kept-alive connections from one thread and records how each was answered.
//
// Closed loop: each connection sends its next request when the last one was answered. Open loop (per_second > 0):
// requests are due at a fixed pace whether or not the server keeps up, and a latency counts from when its request was
// due, so that a stall is seen by every request that it delayed.
//
// A run warms up, measures, and then waits for what is under way. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bench/histogram.h"
#include "bench/request_text.h"

namespace ledgerline::bench {

struct LoadConfig {
    std::uint16_t port = 0;  // on the loopback address
    std::size_t connections = 1;
    double per_second = 0;  // 0: closed loop
    milliseconds warm_up{0};
    milliseconds duration{0};
    std::uint64_t requests_max = 0;  // ends the measurement early; 0: no limit
    std::uint64_t seed = 1;
    RequestShape shape;
};

struct Tally {
    // Of the requests begun (open loop: due) while measuring.
    Histogram latencies;
    double seconds = 0;                                   // that the measurement took
    double user_cpu_seconds = 0, system_cpu_seconds = 0;  // of this process meanwhile

    // Of the whole run, warm-up included. Transactions, not calls:
    std::uint64_t accepted = 0;   // answered with 201, for the first time
    std::uint64_t refused = 0;    // any other answer
    std::uint64_t unsettled = 0;  // accepted, but not PROCESSED although the call waited for that
    std::uint64_t unknown = 0;    // sent and never answered
    // Calls:
    std::map<int, std::uint64_t> statuses;
    std::uint64_t broken = 0;  // connections that broke or that answered with something else than HTTP
    std::uint64_t unsent = 0;  // due, but not sent before the run was given up
};

class Load {
public:
    // How long a run waits at its end for what is under way.
    static constexpr milliseconds drain_max{30'000};

    // The functions are called when the measurement begins and when it has ended.
    struct Phases {
        std::function<void()> begun, ended;
    };

    // Code connect_failed (retry) when the server does not take the connections, first or again.
    static Result<Tally> run(const LoadConfig& config, const Phases& phases);
};

}  // namespace ledgerline::bench
