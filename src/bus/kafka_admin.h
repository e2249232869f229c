// The administrative requests of the topic keeper, each sent and waited for.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bus/kafka_client.h"

namespace ledgerline {

// For an answer to each of the requests below.
inline constexpr milliseconds kafka_change_wait_max{3000};

// What a topic is set to; nothing: not known.
struct KafkaTopicLimits {
    std::optional<std::int64_t> message_bytes_max;     // max.message.bytes: of a batch, as the broker stores it
    std::optional<std::int64_t> replicas_in_sync_min;  // min.insync.replicas
};

// Creates the topic, or finds that somebody else did. replication_factor -1: the broker's default. Error kafka_topic,
// retry, names the reason.
Result<void> create_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions, int replication_factor);

// Gives the topic that many partitions, or finds that it has them. Error kafka_topic, retry.
Result<void> grow_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions);

// Error kafka_topic, retry: no answer, or no right to ask.
Result<KafkaTopicLimits> describe_kafka_topic(rd_kafka_t* client, const std::string& topic);

}  // namespace ledgerline
