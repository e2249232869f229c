// HealthServer: the port of a role that serves nothing but its health and its metrics.
#pragma once

#include <optional>
#include <string>

#include "api/ledger_probe.h"
#include "app/role.h"
#include "http/health.h"
#include "http/listener.h"

namespace ledgerline::app {

class HealthServer {
public:
    // Behind the process' addresses, where nobody is answered yet. right: what the role does in the database. The
    // process must outlive it.
    HealthServer(RoleProcess& process, const std::string& database_url, StageRight right);
    ~HealthServer() { stop(); }
    HealthServer(const HealthServer&) = delete;
    HealthServer& operator=(const HealthServer&) = delete;

    // Serves. config.dependencies come after the database, which is always looked at; what they stand on must live
    // until stop() or a failure of start(). To be called once.
    Result<void> start(http::HealthConfig config);
    std::uint16_t port() const { return listener_.port(); }

    // From now on /readyz says no.
    void begin_stop();
    // Repeatable.
    void stop();

private:
    RoleProcess& process_;
    LedgerProbe ledger_;
    std::optional<http::HealthEndpoints> health_;
    http::Router router_;
    http::Listener listener_;
};

}  // namespace ledgerline::app
