#include "app/api_server.h"

namespace ledgerline::app {

Result<std::unique_ptr<ApiServer>> ApiServer::create(RoleProcess& process, const cli::ListenOptions& listen,
                                                     const cli::AdmissionOptions& admission) {
    LEDGERLINE_TRY(auto api_keys, admitted_keys(admission, listen.host));
    return std::unique_ptr<ApiServer>(new ApiServer(process, listener_config(listen, std::move(api_keys))));
}

ApiServer::ApiServer(RoleProcess& process, http::ListenerConfig config)
    : process_(process),
      listener_(std::make_unique<http::Listener>(std::move(config), router_, process.clock(), process.random(),
                                                 process.metrics(), process.tracer())) {}

ApiServer::~ApiServer() { stop(milliseconds(0)); }

Result<void> ApiServer::start(ApiServerConfig config, Wakeup& publisher_wakeup) {
    ApiConfig api;
    api.database_url = std::move(config.database_url);
    api.version = cli::version;
    api.dependencies = std::move(config.dependencies);
    api.alive = std::move(config.alive);
    api_ = std::make_unique<Api>(api, process_.clock(), process_.random(), process_.metrics(), process_.ids(),
                                 publisher_wakeup, process_.on_fatal(), process_.tracer());
    api_->add_routes(router_);
    api_->start();
    return listener_->start();
}

void ApiServer::stop(milliseconds grace) {
    if (!api_) return;
    api_->begin_stop();
    listener_->stop(grace);
    api_->stop();
}

}  // namespace ledgerline::app
