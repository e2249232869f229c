#include "cli/cli.h"

#include <unistd.h>

#include <memory>

#include "cli/database.h"
#include "cli/kafka_options.h"
#include "cli/output.h"
#include "cli/role_options.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kReadyNotes =
    "Prints one line with the URL once it serves; /readyz says whether anything is missing. SIGTERM and SIGINT let\n"
    "it finish what is under way and exit with code 0; a second one skips the delay before that. SIGHUP\n"
    "reads the API keys and certificates again.\n\n";

constexpr const char* kDatabaseNotes =
    "The schema must be up to date ('ledgerline migrate up'). A password in --database-url is hidden from the process\n"
    "table at once, but DATABASE_URL or a password file (PGPASSFILE) is safer.\n\n";

// A role's settings, with its Kafka options as typed.
template <class Options>
struct Texts {
    Options role;
    KafkaOptions kafka;
};

template <class Options>
std::shared_ptr<Texts<Options>> declare_role(Command& command, const roles::Environment& environment,
                                             const std::function<int(const Options&)>& run) {
    auto texts = std::make_shared<Texts<Options>>();
    command.action([&environment, &run, texts] {
        auto kafka = kafka_config_of(texts->kafka, kafka_properties_of(environ));
        if (!kafka) return report(environment, kafka.error());
        texts->role.kafka = *std::move(kafka);
        return run(texts->role);
    });
    return texts;
}

void declare_up(Command command, const roles::Environment& environment, const RoleCommands& roles) {
    const auto texts = declare_role(command, environment, roles.up);
    roles::UpSettings& options = texts->role;
    command.option({"--data-dir", "DIR", "Where it keeps its data; created if missing"}, options.data_dir);
    declare_database_url_option(
        {"--database-url", "URL", "Database to use instead of a private cluster under the data directory",
         "DATABASE_URL"},
        command, options.database_url);
    declare_listen(command, options.listen, "the HTTP API");
    declare_probe_listen(command, options.listen);
    declare_operator_listen(command, options.listen);
    declare_tls(command, options.tls);
    command.flag({"--tls-self-signed", "", "Serve https with a certificate made in the data directory, for a try"},
                 options.tls.self_signed);
    declare_cors(command, options.listen);
    declare_admission(command, options.admission);
    declare_tokens(command, options.admission.tokens);
    declare_assets(command, options.assets);
    declare_kafka_connection(command, texts->kafka, KafkaUse::optional);
    declare_kafka_names(command, texts->kafka);
    declare_outcomes(command, options.outcomes);
    declare_webhooks_allowed(command, options.webhooks);
    declare_schema_registry(command, options.schemas);
    declare_apply(command, options.apply);
    declare_timeouts(command, options.timeouts, true);
    declare_rights(command, options.rights);
    declare_log_payments(command, options.listen);
    declare_log(command, options.log);
    command.notes(std::string(kReadyNotes) + kafka_notes +
                  "\n\nExamples:\n"
                  "  ledgerline up --data-dir ./data --listen 127.0.0.1:8080\n"
                  "  DATABASE_URL=postgresql://ledgerline@db/ledgerline ledgerline up --listen 0.0.0.0:8080 \\\n"
                  "      --api-keys-file /etc/ledgerline/keys");
}

void declare_api(Command command, const roles::Environment& environment, const RoleCommands& roles) {
    const auto texts = declare_role(command, environment, roles.api);
    roles::ApiSettings& options = texts->role;
    declare_role_database(command, options.database_url);
    declare_listen(command, options.listen, "the HTTP API");
    declare_probe_listen(command, options.listen);
    declare_operator_listen(command, options.listen);
    declare_tls(command, options.tls);
    declare_cors(command, options.listen);
    declare_admission(command, options.admission);
    declare_tokens(command, options.admission.tokens);
    declare_assets(command, options.assets);
    declare_kafka_connection(command, texts->kafka, KafkaUse::optional);
    declare_webhooks_allowed(command, options.webhooks);
    declare_timeouts(command, options.timeouts, false);
    declare_rights(command, options.rights);
    declare_log_payments(command, options.listen);
    declare_log(command, options.log);
    command.notes(
        std::string(kReadyNotes) + kDatabaseNotes +
        "The API writes to the database only. With --kafka-brokers, /readyz also says when Kafka is away; the\n"
        "API still accepts transactions, which then wait in the database.\n\n" +
        kafka_notes +
        "\n\nExample:\n"
        "  DATABASE_URL=postgresql://ledgerline@db/ledgerline ledgerline api --kafka-brokers kafka:9092");
}

void declare_publisher(Command command, const roles::Environment& environment, const RoleCommands& roles) {
    const auto texts = declare_role(command, environment, roles.publisher);
    roles::PublisherSettings& options = texts->role;
    declare_role_database(command, options.database_url);
    declare_kafka_connection(command, texts->kafka, KafkaUse::required);
    declare_kafka_names(command, texts->kafka);
    declare_outcomes(command, options.outcomes);
    declare_schema_registry(command, options.schemas);
    declare_listen(command, options.listen, "health and metrics");
    declare_timeouts(command, options.timeouts, true);
    declare_rights(command, options.rights);
    declare_log(command, options.log);
    command.notes(
        std::string(kReadyNotes) + kDatabaseNotes +
        "Any number of publishers may run: they divide the lanes among themselves.\n\n" + kafka_notes +
        "\n\nExample:\n"
        "  DATABASE_URL=postgresql://ledgerline@db/ledgerline ledgerline publisher --kafka-brokers kafka:9092");
}

void declare_worker(Command command, const roles::Environment& environment, const RoleCommands& roles) {
    const auto texts = declare_role(command, environment, roles.worker);
    roles::WorkerSettings& options = texts->role;
    declare_role_database(command, options.database_url);
    declare_kafka_connection(command, texts->kafka, KafkaUse::required);
    declare_kafka_names(command, texts->kafka);
    declare_listen(command, options.listen, "health and metrics");
    declare_apply(command, options.apply);
    declare_timeouts(command, options.timeouts, true);
    declare_rights(command, options.rights);
    declare_log(command, options.log);
    command.notes(std::string(kReadyNotes) + kDatabaseNotes +
                  "Any number of workers may run: the consumer group divides the lanes among their threads.\n\n" +
                  kafka_notes +
                  "\n\nExample:\n"
                  "  DATABASE_URL=postgresql://ledgerline@db/ledgerline ledgerline worker --kafka-brokers kafka:9092");
}

void declare_notifier(Command command, const RoleCommands& roles) {
    const auto options = std::make_shared<roles::NotifierSettings>();
    command.action([&roles, options] { return roles.notifier(*options); });
    declare_role_database(command, options->database_url);
    declare_webhooks_allowed(command, options->webhooks);
    declare_listen(command, options->listen, "health and metrics");
    declare_timeouts(command, options->timeouts, true);
    declare_rights(command, options->rights);
    declare_log(command, options->log);
    command.notes(std::string(kReadyNotes) + kDatabaseNotes +
                  "Any number of notifiers may run: they divide the webhooks among themselves.\n\n"
                  "Example:\n"
                  "  DATABASE_URL=postgresql://ledgerline@db/ledgerline ledgerline notifier");
}

}  // namespace

void declare_roles(Command& parent, const roles::Environment& environment, const RoleCommands& roles) {
    if (roles.up)
        declare_up(parent.add("up", "Run everything in this process, with its own database unless one is given"),
                   environment, roles);
    if (roles.api) declare_api(parent.add("api", "Run the HTTP API"), environment, roles);
    if (roles.publisher)
        declare_publisher(parent.add("publisher", "Publish accepted transactions to Kafka"), environment, roles);
    if (roles.worker)
        declare_worker(parent.add("worker", "Apply published transactions to the accounts"), environment, roles);
    if (roles.notifier) declare_notifier(parent.add("notifier", "Send outcomes to webhooks"), roles);
}

}  // namespace ledgerline::cli
