#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "api/card_numbers.h"
#include "apply/pg_ledger_store.h"
#include "bus/memory/bus.h"
#include "cluster/private_cluster.h"
#include "intake/pace.h"
#include "intake/pg_intake_store.h"
#include "observe/log.h"
#include "publish/pg_outbox_store.h"
#include "roles/api_server.h"
#include "roles/assets_file.h"
#include "roles/dead_letter_service.h"
#include "roles/drain.h"
#include "roles/hold_expiry_service.h"
#include "roles/kafka_link.h"
#include "roles/publisher_service.h"
#include "roles/roles.h"
#include "roles/schema_entry.h"
#include "roles/topic_service.h"
#include "roles/webhook_service.h"
#include "roles/worker_service.h"

namespace ledgerline::roles {
namespace {

// For the private cluster to stop, in addition to what every role takes.
constexpr milliseconds kClusterStopMax{60'000};

cluster::PrivateClusterConfig cluster_config(const UpSettings& options) {
    cluster::PrivateClusterConfig config;
    config.data_dir = options.data_dir;
    return config;
}

Result<std::unique_ptr<cluster::PrivateCluster>> start_cluster(RoleProcess& process,
                                                               cluster::PrivateClusterConfig config) {
    config.cancelled = [&process] { return process.signals().pending(); };
    auto cluster = std::make_unique<cluster::PrivateCluster>(std::move(config), process.context().random);
    const auto started = cluster->start();
    if (!started && process.signals().pending()) return told_to_end();
    LEDGERLINE_CHECK(started);
    return cluster;
}

// The bus of this process: Kafka if it is given, or one in memory.
class UpBus {
public:
    // space_freed, which must outlive the bus, is notified when a full bus has room again.
    static Result<std::unique_ptr<UpBus>> open(RoleProcess& process, const bus::KafkaConfig& config, int lanes,
                                               Wakeup& space_freed) {
        auto bus = std::make_unique<UpBus>();
        if (!config.brokers.empty()) {
            LEDGERLINE_TRY(bus->kafka_, KafkaLink::open(process, "up", config, lanes));
            return bus;
        }
        // Another run's offsets begin elsewhere, so that its dead letters are not mistaken for this one's.
        bus->memory_.emplace(
            bus::MemoryBus::Options{.partitions = lanes,
                                    .first_offset = process.context().clock.wall_now().time_since_epoch().count(),
                                    .space_freed = &space_freed});
        return bus;
    }

    std::unique_ptr<bus::Producer> make_producer() {
        return kafka_ ? kafka_->bus().make_producer() : memory_->make_producer();
    }
    // Null if there is no topic of dead letters: the in-memory bus has none.
    std::unique_ptr<bus::Producer> make_dead_letter_producer() {
        return kafka_ ? kafka_->bus().make_dead_letter_producer() : nullptr;
    }
    // Null if there is no topic of outcomes: likewise.
    std::unique_ptr<bus::Producer> make_outcome_producer() {
        return kafka_ ? kafka_->bus().make_outcome_producer() : nullptr;
    }
    std::unique_ptr<bus::Consumer> make_consumer() {
        return kafka_ ? kafka_->bus().make_consumer() : memory_->make_consumer();
    }
    // Used by spans.
    bus::MessagingNames names() const { return kafka_ ? kafka_->names() : bus::MessagingNames(); }
    // What /readyz reports about it: without Kafka requests are still accepted.
    std::vector<health::Dependency> dependencies() const {
        if (!kafka_) return {};
        return {kafka_->dependency(false)};
    }

private:
    std::optional<KafkaLink> kafka_;
    std::optional<bus::MemoryBus> memory_;
};

// Serves until a signal or a fatal failure. What is built first is destroyed last.
Result<void> serve(RoleProcess& process, const UpSettings& options, ApiServer& server, const std::string& database_url,
                   int lanes) {
    Wakeup publisher_wakeup;
    bus::KafkaConfig kafka = options.kafka;
    LEDGERLINE_CHECK(enter_schemas(process, options.schemas, options.timeouts.startup, kafka));
    LEDGERLINE_TRY(const auto bus, UpBus::open(process, kafka, lanes, publisher_wakeup));
    Watchdog watchdog(options.timeouts.stall, process.on_fatal(), process.context().metrics);
    // The lock on the data directory proves that no other process works on the private cluster.
    const bool others_are_dead = options.database_url.empty();
    const std::string owner = new_owner(process.context().ids);
    PublisherService publisher(
        {.database_url = database_url,
         .publisher = {.owner = owner, .others_are_dead = others_are_dead, .messaging = bus->names()}},
        bus->make_producer(), publisher_wakeup, watchdog, process.context());
    std::optional<DeadLetterService> dead_letters;
    if (auto producer = bus->make_dead_letter_producer())
        dead_letters.emplace(database_url, owner, std::move(producer), watchdog, process.context());
    std::optional<TopicService> outcomes;
    if (auto producer = bus->make_outcome_producer(); producer && options.outcomes.from != "off")
        outcomes.emplace(TopicServiceConfig{.database_url = database_url, .owner = owner, .settings = options.outcomes},
                         std::move(producer), watchdog, process.context());
    WebhookService webhooks({.database_url = database_url, .settings = options.webhooks}, watchdog, process.context());
    HoldExpiryService expiry(database_url, publisher_wakeup, watchdog, process.context());
    const Clock& clock = process.context().clock;
    intake::Pace pace;
    apply::HandedPlaces places;
    WorkerService worker({.database_url = database_url,
                          .apply = options.apply,
                          .messaging = bus->names(),
                          .make_consumer = [&bus] { return bus->make_consumer(); },
                          .on_outcome =
                              [&](WallTime newest) {
                                  pace.decided(newest, clock.steady_now());
                                  server.note_outcomes();
                                  webhooks.note_outcomes();
                                  if (outcomes) outcomes->wakeup().notify();
                              },
                          .handed = &places},
                         watchdog, process.context());
    // Without the stages after intake requests are still accepted.
    std::vector<health::Dependency> dependencies = bus->dependencies();
    dependencies.push_back(health::dependency("database", [&publisher] { return publisher.trouble(); }, false));
    dependencies.push_back(health::dependency("database", [&worker] { return worker.trouble(); }, false));
    LEDGERLINE_CHECK(server.start({.database_url = database_url,
                                   .stages = {{health::StageRight::intake},
                                              {health::StageRight::publish, false},
                                              {health::StageRight::apply, false}},
                                   .dependencies = std::move(dependencies),
                                   .alive = [&watchdog] { return watchdog.alive(); },
                                   .hand_over =
                                       [&](auto events) {
                                           pace.accepted(events.front().occurred_at, clock.steady_now());
                                           places.hand(events);
                                           publisher.hand(std::move(events));
                                       },
                                   .pause = [&] { return pace.pause(clock.steady_now()); },
                                   .webhook_destinations = notify::Destinations(options.webhooks.allowed)},
                                  publisher_wakeup));
    std::vector<Service*> services{&watchdog, &webhooks, &worker, &publisher, &expiry};
    // After the publisher, and so stopped before that gives up the leases.
    if (outcomes) services.push_back(&*outcomes);
    if (dead_letters) services.push_back(&*dead_letters);
    std::int64_t left = 0;
    const auto ended = run_services(process, server, services, [&] { left = drain(process, database_url, lanes); });
    log::info("stopped", {{"events_left", left}});
    return ended;
}

Result<void> use_self_signed(RoleProcess& process, const UpSettings& options, ApiServer& server) {
    LEDGERLINE_TRY(http::TlsFiles files, self_signed_files(std::filesystem::path(options.data_dir) / "tls",
                                                           options.listen.host, process.context().clock));
    log::info("https with a certificate made here: clients that trust it get this file, commands as --ca-file",
              {{"file", files.certificate}});
    files.client_authorities = options.tls.client_authorities;
    return server.use_tls(files);
}

Result<void> run(RoleProcess& process, const UpSettings& options, const Admission& admission,
                 const http::TlsFiles& tls) {
    ApiServer server(process, admission);
    if (!tls.empty()) LEDGERLINE_CHECK(server.use_tls(tls));
    std::unique_ptr<cluster::PrivateCluster> cluster;
    std::string database_url = options.database_url;
    if (database_url.empty()) {
        LEDGERLINE_TRY(cluster, start_cluster(process, cluster_config(options)));
        database_url = cluster->url();
        process.context().metrics.watch_data_dir(options.data_dir);
    }
    if (options.tls.self_signed) LEDGERLINE_CHECK(use_self_signed(process, options, server));
    LEDGERLINE_TRY(const int lanes, prepare_database(process, database_url, options.timeouts.startup, Schema::migrate,
                                                     {intake::can_accept, publish::can_publish, apply::can_apply}));
    return serve(process, options, server, database_url, lanes);
}

}  // namespace

int run_up(const Environment& environment, const UpSettings& options) {
    const bool has_cluster = options.database_url.empty();
    const cluster::PrivateClusterConfig cluster = cluster_config(options);
    // Where the private cluster is yet to be made, there is no key.
    const bool database_is_there = !has_cluster || std::filesystem::exists(options.data_dir);
    Admission admission;
    http::TlsFiles tls;
    const auto check = [&](bool only_loopback) -> Result<void> {
        LEDGERLINE_TRY(admission,
                       admission_of(options.admission, options.listen.host, {only_loopback, database_is_there}));
        LEDGERLINE_TRY(tls, checked_tls_files(options.tls, environment.clock));
        LEDGERLINE_CHECK(use_assets_file(options.assets.file));
        api::refuse_card_numbers(options.admission.refuse_card_numbers);
        LEDGERLINE_CHECK(checked_registry(options.schemas, options.kafka));
        if (!options.kafka.brokers.empty()) LEDGERLINE_CHECK(bus::check_kafka_client(options.kafka));
        return has_cluster ? cluster::check_machine(cluster) : Result<void>();
    };
    RightsPlan rights =
        rights_plan(options.rights, options.database_url, options.kafka, options.admission.api_keys_file);
    add_files(options.tls, rights);
    add_files(options.schemas, rights);
    add_files(options.admission.tokens, rights);
    if (has_cluster) rights.cluster = &cluster;
    return run_role(environment,
                    {.name = "up",
                     .log = options.log,
                     .listen = options.listen,
                     .timeouts = options.timeouts,
                     .shutdown_max = 2 * options.timeouts.drain + kClusterStopMax + shutdown_slack,
                     .check = check,
                     .rights = std::move(rights)},
                    [&](RoleProcess& process) { return run(process, options, admission, tls); });
}

}  // namespace ledgerline::roles
