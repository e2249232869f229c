#include "cli/kafka_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ranges>
#include <sstream>
#include <string_view>

#include "base/text.h"
#include "cli/command_line.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kReplicationFactorMax = 100;
constexpr std::string_view kPrefix = "KAFKA_";
constexpr std::string_view kProtocolVariable = "KAFKA_SECURITY_PROTOCOL";
constexpr std::string_view kPropertyPrefixes[] = {"KAFKA_SASL_", "KAFKA_SSL_"};
constexpr std::string_view kBlank = " \t\r";

std::unexpected<Error> refused(std::string message) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), std::move(message));
}

std::string variable_of(std::string_view name) {
    std::string variable(kPrefix);
    for (const char c : name)
        variable += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return variable;
}

std::string property_of(std::string_view variable) {
    std::string name;
    for (const char c : variable.substr(kPrefix.size()))
        name += c == '_' ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// `where` says where the text comes from. A text without a name or a value is refused without being repeated.
Result<void> add_property(KafkaProperties& properties, const std::string& text, const std::string& where) {
    const auto equals = text.find('=');
    const std::string name = trimmed(text.substr(0, equals));
    if (equals == std::string::npos || name.empty())
        return refused(where + " must be key=value, such as security.protocol=SASL_SSL");
    if (auto allowed = bus::check_kafka_property(name); !allowed)
        return refused(where + ": " + allowed.error().message);
    properties[name] = trimmed(text.substr(equals + 1));
    return {};
}

Result<void> add_file(KafkaProperties& properties, const std::string& path) {
    LEDGERLINE_TRY(const std::string whole, roles::read_config_file("--kafka-config-file", path));
    std::istringstream file(whole);
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        const std::string text = trimmed(line);
        if (text.empty() || text.starts_with('#')) continue;
        if (bus::is_secret_kafka_property(trimmed(text.substr(0, text.find('=')))))
            LEDGERLINE_CHECK(roles::check_secret_file("--kafka-config-file", path));
        LEDGERLINE_CHECK(add_property(properties, text, fmt::format("{} line {}", path, number)));
    }
    return {};
}

Result<void> add_flags(KafkaProperties& properties, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
        const std::string name = trimmed(text.substr(0, text.find('=')));
        if (bus::is_secret_kafka_property(name))
            return refused(
                fmt::format("--kafka-config {}: secrets are not taken from the command line, where every "
                            "user of the machine can read them; put it into the file of --kafka-config-file, "
                            "or into the environment variable {}",
                            name, variable_of(name)));
        LEDGERLINE_CHECK(add_property(properties, text, "--kafka-config"));
    }
    return {};
}

bool is_broker(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view host = text.substr(0, colon);
    if (host.contains(' ') || host.contains('/') || host.contains('@')) return false;
    if (host.contains(':') && !(host.starts_with('[') && host.ends_with(']'))) return false;
    return parse_port(text.substr(colon + 1)).has_value();
}

bool are_brokers(const std::string& text) {
    return !text.empty() && std::ranges::all_of(std::views::split(text, ','), [](auto part) {
        return is_broker(std::string_view(part.begin(), part.end()));
    });
}

}  // namespace

const char* const kafka_notes =
    "TLS and SASL: --kafka-config security.protocol=SASL_SSL, sasl.*, ssl.*, or any other librdkafka property;\n"
    "or the same as lines of --kafka-config-file; or KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_* and KAFKA_SSL_* in the\n"
    "environment (KAFKA_SASL_PASSWORD is sasl.password). Flags override the environment, which overrides the file.\n"
    "Secrets belong in the file or the environment.";

void declare_kafka_connection(Command& command, KafkaOptions& options, KafkaUse use) {
    command.parsed({"--kafka-brokers", "HOST:PORT[,...]",
                    use == KafkaUse::required ? "The Kafka brokers to connect to first"
                                              : "The Kafka brokers to connect to first; unset means no Kafka",
                    "KAFKA_BROKERS", use == KafkaUse::required},
                   "", [&options](const std::string& value) {
                       if (!are_brokers(value)) return "HOST:PORT[,HOST:PORT...], such as kafka-1:9092,kafka-2:9092";
                       options.brokers = value;
                       return "";
                   });
    command.option({"--kafka-config", "KEY=VALUE", "A property of the Kafka client; may be repeated", no_variable},
                   options.config);
    command.option({"--kafka-config-file", "FILE", "File of such properties, one per line; secrets belong here"},
                   options.config_file);
}

void declare_kafka_names(Command& command, KafkaOptions& options) {
    command.option({"--kafka-topic", "NAME", "The topic of events"}, options.topic);
    command.option({"--kafka-dead-letter-topic", "NAME", "The topic of dead letters"}, options.dead_letter_topic);
    command.option({"--kafka-outcomes-topic", "NAME", "The topic of outcomes"}, options.outcomes_topic);
    command.option({"--kafka-group", "NAME", "The consumer group of the workers"}, options.group);
    command.option({"--kafka-replication-factor", "N", "Replication factor of new topics; 0: the broker's default"},
                   options.replication_factor, 0, kReplicationFactorMax);
}

void declare_schema_registry(Command& command, roles::SchemaRegistrySettings& settings) {
    command.option({"--schema-registry-url", "URL",
                    "A registry with Confluent's API: the JSON Schemas of the topics are registered in it before "
                    "anything is published, unless they break what is there"},
                   settings.url);
    command.option({"--schema-registry-credentials-file", "FILE",
                    "File with USER:PASSWORD of the registry in its first line; without it they are read from the "
                    "variable LEDGERLINE_SCHEMA_REGISTRY_CREDENTIALS"},
                   settings.credentials_file);
    command.option({"--schema-registry-ca-file", "FILE",
                    "Certificates to trust of an https registry, in PEM, instead of the system's"},
                   settings.ca_file);
    command.choice(
        {"--schema-wire-format", "",
         "Where a message names its schema: in the header schema-id, or, as Confluent's readers expect it, in "
         "five bytes before the value"},
        settings.wire_format, {"header", "confluent"});
    if (const char* credentials = std::getenv(roles::schema_registry_credentials_variable))
        settings.credentials = credentials;
}

KafkaProperties kafka_properties_of(const char* const* entries) {
    KafkaProperties properties;
    for (; *entries; ++entries) {
        const std::string_view entry = *entries;
        const std::string_view name = entry.substr(0, entry.find('='));
        if (is_service_variable(name)) continue;
        const bool ours = name == kProtocolVariable || std::ranges::any_of(kPropertyPrefixes, [name](auto prefix) {
                              return name.starts_with(prefix) && name.size() > prefix.size();
                          });
        if (ours && name.size() < entry.size()) properties[property_of(name)] = entry.substr(name.size() + 1);
    }
    return properties;
}

Result<bus::KafkaConfig> kafka_config_of(const KafkaOptions& options, const KafkaProperties& environment) {
    bus::KafkaConfig config;
    config.brokers = options.brokers;
    config.topic = options.topic;
    config.dead_letter_topic = options.dead_letter_topic;
    config.outcomes_topic = options.outcomes_topic;
    config.group = options.group;
    config.replication_factor = static_cast<int>(options.replication_factor);
    if (!options.config_file.empty()) LEDGERLINE_CHECK(add_file(config.properties, options.config_file));
    for (const auto& [name, value] : environment) {
        if (auto allowed = bus::check_kafka_property(name); !allowed)
            return refused(variable_of(name) + ": " + allowed.error().message);
        config.properties[name] = value;
    }
    LEDGERLINE_CHECK(add_flags(config.properties, options.config));
    return config;
}

}  // namespace ledgerline::cli
