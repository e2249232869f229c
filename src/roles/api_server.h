// ApiServer: the API behind its port.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "http/server/listener.h"
#include "roles/api_keys.h"
#include "roles/role.h"

namespace ledgerline::roles {

// What the API needs to know besides its address.
struct ApiServerConfig {
    std::string database_url;
    std::vector<health::ProbedStage> stages{{health::StageRight::intake}};  // as of ApiConfig
    std::vector<health::Dependency> dependencies;                           // besides the database
    std::function<bool()> alive;                                            // as of http::HealthConfig
};

class ApiServer {
public:
    // Behind the process' addresses, where nobody is answered yet. From now on SIGHUP reads the keys again; when that
    // fails, the old ones count. The process must outlive it.
    ApiServer(RoleProcess& process, const ApiKeysFile& keys);
    ~ApiServer();

    // Serves, probes also at their own address where the process has one. publisher_wakeup is notified of new events;
    // it and what the dependencies stand on must live until stop(), or a failure of start(). To be called once.
    Result<void> start(ApiServerConfig config, Wakeup& publisher_wakeup);
    std::uint16_t port() const { return listener_->port(); }

    // To be notified whenever outcomes were written in this process. From start() on.
    Wakeup& outcome_wakeup() { return api_->outcome_wakeup(); }

    // From now on /readyz says no; everything is served as before.
    void set_not_ready();
    // Not ready from the first moment on; requests under way may take grace to end. Repeatable.
    void stop(milliseconds grace);

private:
    void reload_keys();
    Result<void> listen();

    RoleProcess& process_;
    const std::string keys_path_;  // "": none
    http::Router router_, probe_router_;
    std::unique_ptr<api::Api> api_;
    // They go before the API that their handlers may still hold on to.
    std::unique_ptr<http::Listener> listener_, probe_listener_;
};

}  // namespace ledgerline::roles
