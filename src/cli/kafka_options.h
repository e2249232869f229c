// Where Kafka is and how to log in, as set by users: flags, a file, and environment variables.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bus/kafka/config.h"
#include "cli/command.h"
#include "roles/settings.h"

namespace ledgerline::cli {

struct KafkaOptions {
    std::string brokers;              // empty: no Kafka
    std::vector<std::string> config;  // key=value; never a secret: the process table shows arguments to every user
    std::string config_file;          // key=value lines, which may hold secrets
    std::string topic = bus::KafkaConfig().topic;
    std::string dead_letter_topic = bus::KafkaConfig().dead_letter_topic;
    std::string outcomes_topic = bus::KafkaConfig().outcomes_topic;
    std::string group = bus::KafkaConfig().group;
    std::int64_t replication_factor = 0;  // of new topics; 0: the broker's default
};

enum class KafkaUse { required, optional };
// Where the brokers are and how to log in.
void declare_kafka_connection(Command& command, KafkaOptions& options, KafkaUse use);
// The names of topics and group, and how topics are created: for roles that publish or consume.
void declare_kafka_names(Command& command, KafkaOptions& options);

// The registry of the topics' schemas: for roles that publish.
void declare_schema_registry(Command& command, roles::SchemaRegistrySettings& settings);

// Client properties by their librdkafka names.
using KafkaProperties = std::map<std::string, std::string>;

// The properties set by the environment, whose NAME=value texts are `entries`: KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*
// and KAFKA_SSL_*, in lower case and with a dot for each underscore (KAFKA_SASL_PASSWORD is sasl.password). Variables
// that Kubernetes sets for services named kafka-ssl or kafka-sasl-... are skipped.
KafkaProperties kafka_properties_of(const char* const* entries);

// Combines all sources: a flag overrides the environment, which overrides the file. The caller sets partitions. Error
// bad_usage names the flag, file or variable at fault, and never repeats a value that may be secret.
Result<bus::KafkaConfig> kafka_config_of(const KafkaOptions& options, const KafkaProperties& environment);

// What --help says about secrets.
extern const char* const kafka_notes;

}  // namespace ledgerline::cli
