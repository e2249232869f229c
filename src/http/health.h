// HealthEndpoints: what machines ask of every role, whatever else it serves: GET /health, /livez, /readyz and /metrics.
// None of them asks for an API key.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "http/router.h"
#include "observe/metrics.h"

namespace ledgerline::http {

// Something that this process works with.
struct Dependency {
    std::string name;
    // Whether it is there. Runs on an HTTP thread for every question: it may wait as handlers do, but not block.
    std::function<boost::asio::awaitable<bool>()> check;
    // Without it the process is not ready. False: the process serves without it, and says that it is degraded.
    bool required = true;
};

// A dependency whose check answers at once.
Dependency dependency(std::string name, std::function<bool()> check, bool required = true);

struct HealthConfig {
    std::string version;
    std::vector<Dependency> dependencies;  // named in this order
    std::function<bool()> alive{};         // what /livez says; unset: yes. Must not block
};

class HealthEndpoints {
public:
    // metrics must outlive it.
    HealthEndpoints(HealthConfig config, const Metrics& metrics) : config_(std::move(config)), metrics_(metrics) {}

    // This must outlive the router.
    void add_routes(Router& router);

    // From now on /readyz says no, because this process is leaving. Thread-safe.
    void set_not_ready() { leaving_ = true; }

private:
    using Answer = boost::asio::awaitable<Response>;
    Answer health(const Request& request);
    Answer live(const Request& request);
    Answer ready(const Request& request);
    Answer metrics_text(const Request& request);

    const HealthConfig config_;
    const Metrics& metrics_;
    std::atomic<bool> leaving_ = false;
};

}  // namespace ledgerline::http
