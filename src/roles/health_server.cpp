#include "roles/health_server.h"

namespace ledgerline::roles {
namespace {

constexpr milliseconds kGrace{1000};  // for answers in progress at the end

}  // namespace

HealthServer::HealthServer(RoleProcess& process, const std::string& database_url, health::StageRight right)
    : process_(process),
      ledger_(connection_config(database_url, "health"), {{right}}, process.context().clock, process.context().metrics),
      listener_(process.listener_config(), router_, process.context().untraced()) {
    listener_.bind(process.take_sockets());
}

Result<void> HealthServer::start(health::HealthConfig config) {
    config.dependencies.insert(config.dependencies.begin(), ledger_.dependency());
    config.facts = [this] { return ledger_.facts(); };
    health_.emplace(std::move(config), process_.context().metrics, process_.context().clock);
    health_->add_routes(router_);
    health_->start();
    auto started = listener_.start();
    if (!started) health_->stop();
    return started;
}

void HealthServer::set_not_ready() {
    if (health_) health_->set_not_ready();
}

void HealthServer::stop() {
    set_not_ready();
    listener_.stop(kGrace);
    if (health_) health_->stop();
}

}  // namespace ledgerline::roles
