#include <optional>

#include "api/card_numbers.h"
#include "intake/pg_intake_store.h"
#include "roles/api_server.h"
#include "roles/assets_file.h"
#include "roles/kafka_link.h"
#include "roles/roles.h"

namespace ledgerline::roles {
namespace {

Result<void> run(RoleProcess& process, const ApiSettings& options, const Admission& admission,
                 const http::TlsFiles& tls) {
    ApiServer server(process, admission);
    if (!tls.empty()) LEDGERLINE_CHECK(server.use_tls(tls));
    LEDGERLINE_TRY(const int lanes, prepare_database(process, options.database_url, options.timeouts.startup,
                                                     Schema::must_be_current, {intake::can_accept}));

    // Only to report its state: what is accepted while Kafka is unreachable waits in the database.
    std::optional<KafkaLink> kafka;
    std::vector<health::Dependency> dependencies;
    if (!options.kafka.brokers.empty()) {
        LEDGERLINE_TRY(kafka, KafkaLink::open(process, "api", options.kafka, lanes));
        dependencies.push_back(kafka->dependency(false));
    }
    Wakeup publishers_poll_by_themselves;
    LEDGERLINE_CHECK(server.start({.database_url = options.database_url,
                                   .dependencies = std::move(dependencies),
                                   .alive = {},
                                   .hand_over = {},
                                   .pause = {},
                                   .webhook_destinations = notify::Destinations(options.webhooks.allowed)},
                                  publishers_poll_by_themselves));
    return run_services(process, server, {});
}

}  // namespace

int run_api(const Environment& environment, const ApiSettings& options) {
    Admission admission;
    http::TlsFiles tls;
    const auto check = [&](bool only_loopback) -> Result<void> {
        LEDGERLINE_TRY(admission, admission_of(options.admission, options.listen.host, {only_loopback, true}));
        LEDGERLINE_TRY(tls, checked_tls_files(options.tls, environment.clock));
        LEDGERLINE_CHECK(use_assets_file(options.assets.file));
        api::refuse_card_numbers(options.admission.refuse_card_numbers);
        return options.kafka.brokers.empty() ? Result<void>() : bus::check_kafka_client(options.kafka);
    };
    RightsPlan rights =
        rights_plan(options.rights, options.database_url, options.kafka, options.admission.api_keys_file);
    add_files(options.tls, rights);
    add_files(options.admission.tokens, rights);
    return run_role(environment,
                    {.name = "api",
                     .log = options.log,
                     .listen = options.listen,
                     .timeouts = options.timeouts,
                     .shutdown_max = options.timeouts.drain + shutdown_slack,
                     .check = check,
                     .rights = std::move(rights)},
                    [&](RoleProcess& process) { return run(process, options, admission, tls); });
}

}  // namespace ledgerline::roles
