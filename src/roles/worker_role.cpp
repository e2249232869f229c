#include "apply/pg_ledger_store.h"
#include "roles/health_server.h"
#include "roles/kafka_link.h"
#include "roles/roles.h"
#include "roles/worker_service.h"

namespace ledgerline::roles {
namespace {

Result<void> run(RoleProcess& process, const WorkerSettings& options) {
    HealthServer server(process, options.database_url, health::StageRight::apply);
    LEDGERLINE_TRY(const int lanes, prepare_database(process, options.database_url, options.timeouts.startup,
                                                     Schema::must_be_current, {apply::can_apply}));
    LEDGERLINE_TRY(const KafkaLink kafka, KafkaLink::open(process, "worker", options.kafka, lanes));

    Watchdog watchdog(options.timeouts.stall, process.on_fatal(), process.context().metrics);
    WorkerService worker({.database_url = options.database_url,
                          .apply = options.apply,
                          .messaging = kafka.names(),
                          .make_consumer = [&kafka] { return kafka.bus().make_consumer(); }},
                         watchdog, process.context());
    LEDGERLINE_CHECK(server.start(
        {.version = version,
         .dependencies = {health::dependency("database", [&worker] { return worker.trouble(); }),
                          kafka.dependency(true), health::dependency("group", [&worker] { return worker.joined(); })},
         .alive = [&watchdog] { return watchdog.alive(); }}));
    return run_services(process, server, {&watchdog, &worker});
}

}  // namespace

int run_worker(const Environment& environment, const WorkerSettings& options) {
    return run_role(environment, stage_start("worker", options),
                    [&](RoleProcess& process) { return run(process, options); });
}

}  // namespace ledgerline::roles
