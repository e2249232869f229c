#include "roles/api_server.h"

#include "api/key_store.h"
#include "observe/log.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

std::shared_ptr<http::AccessTokens> tokens_of(const TokenSettings& settings, const Clock& clock) {
    return settings.empty() ? nullptr : std::make_shared<http::AccessTokens>(settings.policy, clock);
}

http::ListenerConfig config_of(http::ListenerConfig config, const Admission& admission,
                               std::shared_ptr<http::AccessTokens> tokens) {
    config.api_keys = admission.keys;
    config.key_policy = {.stored = true, .always_asked = admission.always_asked, .tokens = std::move(tokens)};
    return config;
}

// What people who run the ledger call, and not those who use it.
bool is_for_operators(const http::Route& route) {
    using enum http::Scope;
    if (route.scope == admin || route.scope == dead_letters_read || route.scope == dead_letters_decide ||
        http::is_of_installation(route.scope))
        return true;
    if (route.pattern.starts_with("/console") || route.pattern.starts_with("/v1/approvals")) return true;
    return route.pattern == "/health" || route.pattern == "/metrics" || route.pattern == "/stats";
}

}  // namespace

ApiServer::ApiServer(RoleProcess& process, Admission admission)
    : process_(process),
      admission_(std::move(admission)),
      tokens_(tokens_of(admission_.tokens, process.context().clock)),
      listener_(std::make_unique<http::Listener>(config_of(process.listener_config(), admission_, tokens_), router_,
                                                 process.context())) {
    if (tokens_)
        issuer_keys_ = std::make_unique<http::IssuerKeys>(admission_.tokens.source, tokens_, process.context());
    listener_->bind(process.take_sockets());
    if (auto sockets = process.take_probe_sockets(); !sockets.empty()) {
        probe_listener_ = std::make_unique<http::Listener>(process.probe_listener_config(), probe_router_,
                                                           process.context().untraced());
        probe_listener_->bind(std::move(sockets));
    }
    if (auto sockets = process.take_operator_sockets(); !sockets.empty()) {
        operator_listener_ = std::make_unique<http::Listener>(process.operator_listener_config(), operator_router_,
                                                              process.context(), listener_.get());
        operator_listener_->bind(std::move(sockets));
    }
    if (!admission_.keys_path.empty()) process_.signals().on_hangup([this] { reload(); });
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
    if (!admission_.keys_path.empty()) reload_keys();
    if (certificates_) certificates_->reload();
}

void ApiServer::reload_keys() {
    const auto keys = read_api_keys(admission_.keys_path);
    if (!keys)
        return log::error("the API keys could not be reloaded; the old ones stay in force",
                          {{"reason", keys.error().message}});
    listener_->keys().replace(*keys);
    log::info("API keys reloaded", {{"keys", keys->size()}});
}

Result<void> ApiServer::start(ApiServerConfig config, Wakeup& publisher_wakeup) {
    api::ApiConfig api;
    api.database_url = config.database_url;
    api.version = version;
    api.stages = std::move(config.stages);
    api.dependencies = std::move(config.dependencies);
    api.alive = std::move(config.alive);
    api.approvals = admission_.approvals;
    api.webhook_destinations = std::move(config.webhook_destinations);
    api.intake.hand_over = std::move(config.hand_over);
    api.intake.pause = std::move(config.pause);
    api_ =
        std::make_unique<api::Api>(api, listener_->keys(), publisher_wakeup, process_.on_fatal(), process_.context());
    console_ = std::make_unique<console::ConsoleEndpoints>(listener_->logins(), version);
    add_routes();
    auto started = begin(config.database_url);
    if (!started) stop();
    return started;
}

// Operators have everything at their address; then the other one has the rest only.
void ApiServer::add_routes() {
    http::Router& all = operator_listener_ ? operator_router_ : router_;
    api_->add_routes(all);
    console_->add_routes(all);
    api_->add_probe_routes(probe_router_);
    if (!operator_listener_) return;
    for (const http::Route& route : all.routes())
        if (!is_for_operators(route)) router_.add(route);
}

// Nobody is answered before the keys are read.
Result<void> ApiServer::begin(const std::string& database_url) {
    if (!admission_.first_key_path.empty()) {
        auto made = api::make_first_key(connection_config(database_url, "first key"), admission_.first_key_path,
                                        process_.context());
        if (!made && made.error().code == api::bad_first_key_file) made.error().code = bad_usage;
        LEDGERLINE_CHECK(made);
    }
    api_->start();
    if (admission_.always_asked && listener_->keys().none()) return no_keys(process_.listener_config().host);
    return listen();
}

Result<void> ApiServer::listen() {
    if (issuer_keys_) issuer_keys_->start();
    if (probe_listener_) {
        LEDGERLINE_CHECK(probe_listener_->start());
        log::info("probes have an address of their own", {{"port", probe_listener_->port()}});
    }
    if (operator_listener_) {
        LEDGERLINE_CHECK(operator_listener_->start());
        log::info("operators have an address of their own", {{"port", operator_listener_->port()}});
    }
    return listener_->start();
}

void ApiServer::stop_accepting(milliseconds grace) {
    if (!api_) return;
    api_->begin_stop();
    if (operator_listener_) operator_listener_->stop(grace);
    listener_->stop(grace);
    if (issuer_keys_) issuer_keys_->stop();
    if (probe_listener_) probe_listener_->stop(milliseconds(0));
    api_->stop();
}

}  // namespace ledgerline::roles
