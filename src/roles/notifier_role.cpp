#include "notify/notify_store.h"
#include "roles/health_server.h"
#include "roles/kafka_link.h"
#include "roles/roles.h"
#include "roles/webhook_service.h"

namespace ledgerline::roles {
namespace {

Result<void> run(RoleProcess& process, const NotifierSettings& options) {
    HealthServer server(process, options.database_url, health::StageRight::notify);
    LEDGERLINE_CHECK(prepare_database(process, options.database_url, options.timeouts.startup, Schema::must_be_current,
                                      {notify::can_notify}));
    Watchdog watchdog(options.timeouts.stall, process.on_fatal(), process.context().metrics);
    WebhookService webhooks({.database_url = options.database_url, .settings = options.webhooks}, watchdog,
                            process.context());
    LEDGERLINE_CHECK(
        server.start({.version = version, .dependencies = {}, .alive = [&watchdog] { return watchdog.alive(); }}));
    return run_services(process, server, {&watchdog, &webhooks});
}

}  // namespace

int run_notifier(const Environment& environment, const NotifierSettings& options) {
    return run_role(environment,
                    {.name = "notifier",
                     .log = options.log,
                     .listen = options.listen,
                     .timeouts = options.timeouts,
                     .shutdown_max = options.timeouts.drain + shutdown_slack,
                     .check = [](bool) { return Result<void>(); },
                     .rights = rights_plan(options.rights, options.database_url, {})},
                    [&](RoleProcess& process) { return run(process, options); });
}

}  // namespace ledgerline::roles
