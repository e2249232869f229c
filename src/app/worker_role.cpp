#include "app/health_server.h"
#include "app/kafka.h"
#include "app/roles.h"
#include "app/worker_service.h"
#include "worker/pg_ledger_store.h"

namespace ledgerline::app {
namespace {

Result<void> run(RoleProcess& process, const cli::WorkerOptions& options) {
    HealthServer server(process, options.database_url, StageRight::apply);
    LEDGERLINE_TRY(const int lanes, prepare_database(process, options.database_url, options.timeouts.startup,
                                                     Schema::must_be_current, {can_apply}));
    LEDGERLINE_TRY(const KafkaLink kafka, KafkaLink::open(process, "worker", options.kafka, lanes));

    Watchdog watchdog(options.timeouts.stall, process.on_fatal());
    WorkerService worker(worker_service_config(options.database_url, options.apply, kafka.names()),
                         {.make_consumer = [&kafka] { return kafka.bus().make_consumer(); },
                          .clock = process.clock(),
                          .random = process.random(),
                          .ids = process.ids(),
                          .metrics = process.metrics(),
                          .watchdog = watchdog,
                          .on_outcome = [] {},
                          .on_fatal = process.on_fatal(),
                          .tracer = process.tracer()});
    LEDGERLINE_CHECK(server.start(
        {.version = cli::version,
         .dependencies = {http::dependency("database", [&worker] { return worker.trouble(); }), kafka.dependency(true),
                          http::dependency("group", [&worker] { return worker.joined(); })},
         .alive = [&watchdog] { return watchdog.alive(); }}));
    watchdog.start();
    worker.start();
    process.announce_ready(options.listen.host, server.port());

    const auto fatal = process.wait_for_end([&server] { server.begin_stop(); });
    worker.stop();
    server.stop();
    if (fatal) return std::unexpected(*fatal);
    return {};
}

}  // namespace

int run_worker(const cli::Environment& environment, const cli::WorkerOptions& options) {
    return run_role(environment, stage_start("worker", options),
                    [&](RoleProcess& process) { return run(process, options); });
}

}  // namespace ledgerline::app
