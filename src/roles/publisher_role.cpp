#include <optional>
#include <vector>

#include "publish/pg_outbox_store.h"
#include "roles/dead_letter_service.h"
#include "roles/health_server.h"
#include "roles/hold_expiry_service.h"
#include "roles/kafka_link.h"
#include "roles/publisher_service.h"
#include "roles/roles.h"
#include "roles/schema_entry.h"
#include "roles/topic_service.h"

namespace ledgerline::roles {
namespace {

Result<void> run(RoleProcess& process, const PublisherSettings& options) {
    HealthServer server(process, options.database_url, health::StageRight::publish);
    LEDGERLINE_TRY(const int lanes, prepare_database(process, options.database_url, options.timeouts.startup,
                                                     Schema::must_be_current, {publish::can_publish}));
    bus::KafkaConfig kafka_config = options.kafka;
    LEDGERLINE_CHECK(enter_schemas(process, options.schemas, options.timeouts.startup, kafka_config));
    LEDGERLINE_TRY(const KafkaLink kafka, KafkaLink::open(process, "publisher", std::move(kafka_config), lanes));

    // Events come from other processes, except those by which holds expire: mostly polling wakes the publisher.
    Wakeup wakeup;
    Watchdog watchdog(options.timeouts.stall, process.on_fatal(), process.context().metrics);
    const std::string owner = new_owner(process.context().ids);
    PublisherService publisher(
        {.database_url = options.database_url, .publisher = {.owner = owner, .messaging = kafka.names()}},
        kafka.bus().make_producer(), wakeup, watchdog, process.context());
    DeadLetterService dead_letters(options.database_url, owner, kafka.bus().make_dead_letter_producer(), watchdog,
                                   process.context());
    std::optional<TopicService> outcomes;
    if (options.outcomes.from != "off")
        outcomes.emplace(
            TopicServiceConfig{.database_url = options.database_url, .owner = owner, .settings = options.outcomes},
            kafka.bus().make_outcome_producer(), watchdog, process.context());
    HoldExpiryService expiry(options.database_url, wakeup, watchdog, process.context());
    LEDGERLINE_CHECK(
        server.start({.version = version,
                      .dependencies = {health::dependency("database", [&publisher] { return publisher.trouble(); }),
                                       kafka.dependency(true)},
                      .alive = [&watchdog] { return watchdog.alive(); }}));
    std::vector<Service*> services{&watchdog, &publisher, &dead_letters, &expiry};
    // After the publisher, and so stopped before that gives up the leases.
    if (outcomes) services.push_back(&*outcomes);
    return run_services(process, server, services);
}

}  // namespace

int run_publisher(const Environment& environment, const PublisherSettings& options) {
    RoleStart start = stage_start("publisher", options);
    start.check = [&options](bool) -> Result<void> {
        LEDGERLINE_CHECK(checked_registry(options.schemas, options.kafka));
        return bus::check_kafka_client(options.kafka);
    };
    add_files(options.schemas, start.rights);
    return run_role(environment, start, [&](RoleProcess& process) { return run(process, options); });
}

}  // namespace ledgerline::roles
