// HealthServer: the port of a role that serves nothing but its health and its metrics.
#pragma once

#include <optional>
#include <string>

#include "api/database.h"
#include "app/role.h"
#include "http/health.h"
#include "http/listener.h"

namespace ledgerline::app {

class HealthServer {
public:
    // The process must outlive it.
    // Behind the process' addresses, where nobody is answered yet.
    HealthServer(RoleProcess& process, const std::string& database_url);
    ~HealthServer() { stop(); }
    HealthServer(const HealthServer&) = delete;
    HealthServer& operator=(const HealthServer&) = delete;

    // Serves. config.dependencies come after the database, which is always asked for; what they stand on must live
    // until stop(). To be called once.
    Result<void> start(http::HealthConfig config);
    std::uint16_t port() const { return listener_.port(); }

    // From now on /readyz says no.
    void begin_stop();
    // Repeatable.
    void stop();

private:
    RoleProcess& process_;
    Database database_;
    std::optional<http::HealthEndpoints> health_;
    http::Router router_;
    http::Listener listener_;
};

}  // namespace ledgerline::app
