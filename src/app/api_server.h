// ApiServer: the API behind its port.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "app/role.h"
#include "http/listener.h"

namespace ledgerline::app {

// What the API needs to know besides its address.
struct ApiServerConfig {
    std::string database_url;
    std::vector<http::Dependency> dependencies;  // besides the database
    std::function<bool()> alive;                 // as of http::HealthConfig
};

class ApiServer {
public:
    // Reads the API keys. Nothing is opened yet. The process must outlive it.
    static Result<std::unique_ptr<ApiServer>> create(RoleProcess& process, const cli::ListenOptions& listen,
                                                     const cli::AdmissionOptions& admission);
    ~ApiServer();

    // Takes the port. Error as of http::Listener::bind().
    Result<void> bind() { return listener_->bind(); }
    // Serves. publisher_wakeup is notified of new events; it and what the dependencies stand on must live until stop().
    // To be called once.
    Result<void> start(ApiServerConfig config, Wakeup& publisher_wakeup);
    std::uint16_t port() const { return listener_->port(); }

    // To be notified whenever outcomes were written in this process. From start() on.
    Wakeup& outcome_wakeup() { return api_->outcome_wakeup(); }

    // Not ready from the first moment on; requests under way may take grace to end. Repeatable.
    void stop(milliseconds grace);

private:
    ApiServer(RoleProcess& process, http::ListenerConfig config);

    RoleProcess& process_;
    http::Router router_;
    std::unique_ptr<Api> api_;
    std::unique_ptr<http::Listener> listener_;  // goes before the API that its handlers may still hold on to
};

}  // namespace ledgerline::app
