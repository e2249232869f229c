// HealthEndpoints: what monitors ask every role: GET /health, /livez, /readyz, /metrics and /stats. None of them
// requires an API key.
//
// /health and /readyz answer from the last look of a HealthProbe: 200 while the process can do its work ("ready", or
// "degraded" with names and reasons), otherwise 503 with what is missing.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "health/health_probe.h"
#include "health/metrics_page.h"
#include "health/stats.h"
#include "http/router.h"
#include "observe/metrics.h"

namespace ledgerline::health {

struct HealthConfig {
    std::string version;
    std::vector<Dependency> dependencies;   // reported in this order
    std::function<bool()> alive{};          // what /livez reports; unset: alive. Must not block
    std::function<json::Object()> facts{};  // what else /health and /readyz report; unset: nothing. Must not block
};

class HealthEndpoints {
public:
    // metrics and clock must outlive it.
    HealthEndpoints(HealthConfig config, const Metrics& metrics, const Clock& clock)
        : config_(std::move(config)),
          probe_(config_.dependencies, clock),
          metrics_([&metrics] { return metrics.to_text(); }, clock),
          stats_([this, &metrics] { return stats_text(metrics, config_.version); }, clock) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

    // Takes the first look and starts the periodic ones. Must be called once.
    void start() { probe_.start(); }
    // Stops looking at the dependencies; afterwards what they use may be destroyed. Repeatable.
    void stop() { probe_.stop(); }

    // From now on /readyz answers not ready, because this process is shutting down. Thread-safe.
    void set_not_ready() { leaving_ = true; }

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer health(const http::Request& request);
    Answer live(const http::Request& request);
    Answer ready(const http::Request& request);
    Answer metrics_text(const http::Request& request);
    Answer stats(const http::Request& request);
    Troubles troubles() const;
    http::Response judge(std::string_view when_well, json::Object body) const;

    const HealthConfig config_;
    HealthProbe probe_;
    MetricsPage metrics_;
    MetricsPage stats_;
    std::atomic<bool> leaving_ = false;
};

}  // namespace ledgerline::health
