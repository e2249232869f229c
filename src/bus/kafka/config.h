// KafkaConfig: where the broker is, how to log in, and the names of topics and group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ledgerline::bus {

// The ids, in a schema registry, of what the values of each topic are, and where each message says its own.
struct KafkaSchemas {
    enum class Mark {
        header,  // schema_id_header
        frame,   // domain/schema_frame.h
    };
    Mark mark = Mark::header;
    std::uint32_t events = 0;
    std::uint32_t dead_letters = 0;
    std::uint32_t outcomes = 0;
};
inline constexpr std::string_view schema_id_header = "schema-id";

struct KafkaConfig {
    std::string brokers;  // HOST:PORT[,HOST:PORT...]
    // Client properties by their librdkafka names (security.protocol, sasl.*, ssl.*, ...). The client checks them when
    // it is created. May hold secrets: never logged.
    std::map<std::string, std::string> properties;
    std::string topic = "transactions";
    std::string dead_letter_topic = "transactions.dlq";
    std::string outcomes_topic = "transactions.outcomes";
    std::string group = "transaction-workers";
    std::string client_id = "ledgerline";
    int partitions = 0;                        // one per lane
    int replication_factor = 0;                // of topics created here; 0: the broker's default
    std::optional<KafkaSchemas> schemas = {};  // nothing: messages do not name any
    // The limits of the producer's message (message.max.bytes) and of an answer to the consumer
    // (receive.message.max.bytes). The bus fills them in from the properties.
    std::size_t message_bytes_max = 1'000'000;
    std::size_t answer_bytes_max = 100'000'000;
};

// Checks a property that a user names. Error bad_usage, refuse, for one that Ledgerline sets itself because the speed
// of the lane protocol depends on it (enable.idempotence, acks, enable.auto.commit, ...).
Result<void> check_kafka_property(const std::string& name);

// Whether the property's value must never be shown.
bool is_secret_kafka_property(std::string_view name);

}  // namespace ledgerline::bus
