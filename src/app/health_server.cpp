#include "app/health_server.h"

namespace ledgerline::app {
namespace {

constexpr milliseconds kGrace{1000};  // for answers under way at the end

DatabaseConfig database_config(const std::string& database_url) {
    DatabaseConfig config;
    config.connection = connection_config(database_url, "health");
    config.pool = "health";
    config.threads = 1;
    return config;
}

}  // namespace

HealthServer::HealthServer(RoleProcess& process, const std::string& database_url)
    : process_(process),
      database_(database_config(database_url), process.clock(), process.random(), process.metrics()),
      listener_(process.listener_config({}), router_, process.clock(), process.random(), process.metrics()) {
    listener_.bind(process.take_sockets());
}

Result<void> HealthServer::start(http::HealthConfig config) {
    config.dependencies.insert(config.dependencies.begin(), database_dependency(database_));
    health_.emplace(std::move(config), process_.metrics());
    health_->add_routes(router_);
    database_.start();
    return listener_.start();
}

void HealthServer::begin_stop() {
    if (health_) health_->set_not_ready();
}

void HealthServer::stop() {
    begin_stop();
    listener_.stop(kGrace);
    database_.stop();
}

}  // namespace ledgerline::app
