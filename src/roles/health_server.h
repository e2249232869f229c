// HealthServer: the port of a role that serves only its health and its metrics.
#pragma once

#include <optional>
#include <string>

#include "health/endpoints.h"
#include "health/ledger_probe.h"
#include "http/server/listener.h"
#include "roles/lifecycle.h"
#include "roles/role.h"

namespace ledgerline::roles {

class HealthServer final : public Server {
public:
    // Takes over the process' addresses, where nobody is answered yet. right: what the role does in the database. The
    // process must outlive it.
    HealthServer(RoleProcess& process, const std::string& database_url, health::StageRight right);
    ~HealthServer() override { stop(); }
    HealthServer(const HealthServer&) = delete;
    HealthServer& operator=(const HealthServer&) = delete;

    // Serves. config.dependencies come after the database, which is always checked; what they use must live until
    // stop() or a failure of start(). Must be called once.
    Result<void> start(health::HealthConfig config);
    std::uint16_t port() const override { return listener_.port(); }

    void set_not_ready() override;
    void stop_accepting(milliseconds /*grace*/) override {}  // it accepts no work
    void stop() override;

private:
    RoleProcess& process_;
    health::LedgerProbe ledger_;
    std::optional<health::HealthEndpoints> health_;
    http::Router router_;
    http::Listener listener_;
};

}  // namespace ledgerline::roles
