#include "roles/api_server.h"

#include "observe/log.h"

namespace ledgerline::roles {

ApiServer::ApiServer(RoleProcess& process, const ApiKeysFile& keys)
    : process_(process),
      keys_path_(keys.path),
      listener_(std::make_unique<http::Listener>(process.listener_config(keys.keys), router_, process.context())) {
    listener_->bind(process.take_sockets());
    if (auto sockets = process.take_probe_sockets(); !sockets.empty()) {
        probe_listener_ = std::make_unique<http::Listener>(process.probe_listener_config(), probe_router_,
                                                           process.context().untraced());
        probe_listener_->bind(std::move(sockets));
    }
    if (!keys_path_.empty()) process_.signals().on_hangup([this] { reload(); });
}

ApiServer::~ApiServer() {
    process_.signals().on_hangup({});
    stop();
}

Result<void> ApiServer::use_tls(const http::TlsFiles& files) {
    process_.signals().on_hangup({});
    certificates_ = std::make_unique<Certificates>(files, *listener_, process_.context());
    LEDGERLINE_CHECK(certificates_->load());
    certificates_->start();
    process_.signals().on_hangup([this] { reload(); });
    return {};
}

void ApiServer::reload() {
    if (!keys_path_.empty()) reload_keys();
    if (certificates_) certificates_->reload();
}

void ApiServer::reload_keys() {
    const auto keys = read_api_keys(keys_path_);
    if (!keys)
        return log::error("the API keys could not be reloaded; the old ones stay in force",
                          {{"reason", keys.error().message}});
    listener_->set_api_keys(*keys);
    log::info("API keys reloaded", {{"keys", keys->size()}});
}

Result<void> ApiServer::start(ApiServerConfig config, Wakeup& publisher_wakeup) {
    api::ApiConfig api;
    api.database_url = std::move(config.database_url);
    api.version = version;
    api.stages = std::move(config.stages);
    api.dependencies = std::move(config.dependencies);
    api.alive = std::move(config.alive);
    api.intake.hand_over = std::move(config.hand_over);
    api_ = std::make_unique<api::Api>(api, publisher_wakeup, process_.on_fatal(), process_.context());
    api_->add_routes(router_);
    console_ = std::make_unique<console::ConsoleEndpoints>(listener_->logins(), version);
    console_->add_routes(router_);
    api_->add_probe_routes(probe_router_);
    api_->start();
    auto started = listen();
    if (!started) stop();
    return started;
}

Result<void> ApiServer::listen() {
    if (probe_listener_) {
        LEDGERLINE_CHECK(probe_listener_->start());
        log::info("probes have an address of their own", {{"port", probe_listener_->port()}});
    }
    return listener_->start();
}

void ApiServer::stop_accepting(milliseconds grace) {
    if (!api_) return;
    api_->begin_stop();
    listener_->stop(grace);
    if (probe_listener_) probe_listener_->stop(milliseconds(0));
    api_->stop();
}

}  // namespace ledgerline::roles
