// ApiServer: the API and the console behind their port.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "console/endpoints.h"
#include "http/server/listener.h"
#include "notify/destinations.h"
#include "roles/api_keys.h"
#include "roles/certificates.h"
#include "roles/lifecycle.h"
#include "roles/role.h"

namespace ledgerline::roles {

// What the API needs to know other than its address.
struct ApiServerConfig {
    std::string database_url;
    std::vector<health::ProbedStage> stages{{health::StageRight::intake}};  // as in ApiConfig
    std::vector<health::Dependency> dependencies;                           // in addition to the database
    std::function<bool()> alive;                                            // as in http::HealthConfig
    std::function<void(std::vector<Event>)> hand_over;                      // as in intake::IntakeConfig
    std::function<milliseconds()> pause;                                    // as in intake::IntakeConfig
    notify::Destinations webhook_destinations = notify::Destinations();     // as in ApiConfig
};

class ApiServer final : public Server {
public:
    // Takes over the process' addresses, where nobody is answered yet. From now on SIGHUP reloads the keys of the file;
    // when that fails, the old ones stay in force. The process must outlive it.
    ApiServer(RoleProcess& process, Admission admission);
    ~ApiServer() override;

    // Serves with TLS from now on; SIGHUP and a change of the files load them again. Before start(). Errors as in
    // Certificates::load().
    Result<void> use_tls(const http::TlsFiles& files);
    std::string_view scheme() const override { return certificates_ ? "https" : "http"; }

    // Serves; probes also at their own address if the process has one. publisher_wakeup is notified of new events; it
    // and what the dependencies use must live until stop_accepting(), or a failure of start(). Must be called once.
    Result<void> start(ApiServerConfig config, Wakeup& publisher_wakeup);
    std::uint16_t port() const override { return listener_->port(); }

    // Call it whenever outcomes were written in this process. Valid after start().
    void note_outcomes() { api_->note_outcomes(); }

    void set_not_ready() override { api_->set_not_ready(); }
    // Not ready from the first moment. Afterwards nothing is served.
    void stop_accepting(milliseconds grace) override;
    void stop() override { stop_accepting(milliseconds(0)); }

private:
    void reload();
    void reload_keys();
    Result<void> begin(const std::string& database_url);
    void add_routes();
    Result<void> listen();

    RoleProcess& process_;
    const Admission admission_;
    const std::shared_ptr<http::AccessTokens> tokens_;  // null: none are taken
    http::Router router_, probe_router_, operator_router_;
    std::unique_ptr<api::Api> api_;
    std::unique_ptr<console::ConsoleEndpoints> console_;
    // Destroyed before the API and the console, which their handlers may still use.
    std::unique_ptr<http::Listener> listener_, probe_listener_, operator_listener_;
    std::unique_ptr<http::IssuerKeys> issuer_keys_;  // null: no tokens are taken
    std::unique_ptr<Certificates> certificates_;     // null: no TLS
};

}  // namespace ledgerline::roles
