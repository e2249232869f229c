// What operators and machines ask: the lanes, health and readiness, metrics, and the OpenAPI document.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/database.h"
#include "api/intake.h"
#include "http/router.h"
#include "observe/metrics.h"

namespace ledgerline {

// Something this process needs in order to serve. check runs on an HTTP thread: it must not block.
struct Dependency {
    std::string name;
    std::function<bool()> check;
};

class OperationsEndpoints {
public:
    // All references must outlive it. dependencies: what /readyz asks for besides the database.
    OperationsEndpoints(Database& database, const IntakeBatcher& intake, const Metrics& metrics, std::string version,
                        std::vector<Dependency> dependencies)
        : database_(database),
          intake_(intake),
          metrics_(metrics),
          version_(std::move(version)),
          dependencies_(std::move(dependencies)) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

    // From now on /readyz says no. Thread-safe.
    void set_not_ready() { leaving_ = true; }

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer lanes(const http::Request& request);
    Answer health(const http::Request& request);
    Answer live(const http::Request& request);
    Answer ready(const http::Request& request);
    Answer metrics_text(const http::Request& request);
    Answer openapi(const http::Request& request);

    Database& database_;
    const IntakeBatcher& intake_;
    const Metrics& metrics_;
    const std::string version_;
    const std::vector<Dependency> dependencies_;
    std::atomic<bool> leaving_ = false;
};

}  // namespace ledgerline
