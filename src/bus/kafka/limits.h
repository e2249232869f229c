// The size limits of brokers and topics, compared with what an event needs and with the limits of Ledgerline's clients.
//
// Pure functions: the topic keeper reads the settings (kafka/admin.h) and evaluates them here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ledgerline::bus {

// The settings of a topic; empty: not known.
struct KafkaTopicLimits {
    std::optional<std::int64_t> message_bytes_max = {};  // max.message.bytes: limit of a batch as stored
    bool message_bytes_are_its_own = false;  // set on the topic; otherwise each broker's own default applies
    std::optional<std::int64_t> replicas_in_sync_min = {};  // min.insync.replicas
};

// The settings of a broker; empty: not known.
struct KafkaBrokerLimits {
    int broker = 0;
    std::optional<std::int64_t> message_bytes_max = {};  // message.max.bytes: for topics that do not set their own
    std::optional<std::int64_t> request_bytes_max = {};  // socket.request.max.bytes: it disconnects on larger ones
    std::optional<std::int64_t> replica_fetch_bytes_max = {};  // replica.fetch.max.bytes
};

struct KafkaLimitsVerdict {
    // The largest batch that every broker accepts, in bytes; a large number while that is not known.
    std::size_t batch_bytes_max = 0;
    // Why an event of the largest size is not accepted. One sentence each, with the setting and its value; empty:
    // nothing.
    std::vector<std::string> problems;
    // What works but should be configured differently.
    std::vector<std::string> degraded;
};

// answer_bytes_max: the limit of an answer in the consumers' settings (receive.message.max.bytes).
KafkaLimitsVerdict judge_kafka_limits(const std::string& topic, const KafkaTopicLimits& of_topic,
                                      std::span<const KafkaBrokerLimits> of_brokers, std::size_t answer_bytes_max);

}  // namespace ledgerline::bus
