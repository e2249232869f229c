// Where Kafka is and how to log in, as a user says it: flags, a file, and environment variables.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bus/kafka/config.h"
#include "cli/command.h"

namespace ledgerline::cli {

struct KafkaOptions {
    std::string brokers;              // empty: no Kafka
    std::vector<std::string> config;  // key=value; never a secret, as the process table shows arguments to everybody
    std::string config_file;          // key=value lines, which may hold secrets
    std::string topic = bus::KafkaConfig().topic;
    std::string dead_letter_topic = bus::KafkaConfig().dead_letter_topic;
    std::string group = bus::KafkaConfig().group;
    std::int64_t replication_factor = 0;  // of topics that are created; 0: the broker's default
};

enum class KafkaUse { required, optional };
// Where the brokers are and how to log in.
void declare_kafka_connection(Command& command, KafkaOptions& options, KafkaUse use);
// How topics and group are called, and how topics are made: for those who publish or consume.
void declare_kafka_names(Command& command, KafkaOptions& options);

// Client properties by their librdkafka names.
using KafkaProperties = std::map<std::string, std::string>;

// The properties that the environment sets, `entries` being its NAME=value texts: KAFKA_SECURITY_PROTOCOL,
// KAFKA_SASL_* and KAFKA_SSL_*, in lower case and with a dot for every underscore (KAFKA_SASL_PASSWORD is
// sasl.password). Those that Kubernetes sets for services called kafka-ssl or kafka-sasl-... are passed over.
KafkaProperties kafka_properties_of(const char* const* entries);

// Puts everything together; a flag wins over the environment, and that over the file. partitions is left for the
// caller. Error bad_usage names the flag, file or variable at fault, and never repeats a value that may be secret.
Result<bus::KafkaConfig> kafka_config_of(const KafkaOptions& options, const KafkaProperties& environment);

// What --help says about secrets.
extern const char* const kafka_notes;

}  // namespace ledgerline::cli
