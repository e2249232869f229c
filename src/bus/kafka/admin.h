// The administrative requests of the topic keeper, each sent and waited for.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bus/kafka/client.h"
#include "bus/kafka/limits.h"

namespace ledgerline::bus {

// For an answer to each of the requests below.
inline constexpr milliseconds kafka_change_wait_max{3000};

// Creates the topic, or finds that somebody else did. replication_factor -1: the broker's default. Error kafka_topic,
// retry, names the reason.
Result<void> create_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions, int replication_factor);

// Gives the topic that many partitions, or finds that it has them. Error kafka_topic, retry.
Result<void> grow_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions);

// Error kafka_topic, retry: no answer, or no right to ask.
Result<KafkaTopicLimits> describe_kafka_topic(rd_kafka_t* client, const std::string& topic);

// Asks all of them at once, and waits for the last answer. Of those that have not answered nothing is known. Error
// kafka_broker, retry: one has answered with an error, as where there is no right to ask.
Result<std::vector<KafkaBrokerLimits>> describe_kafka_brokers(rd_kafka_t* client, const std::set<int>& brokers);

}  // namespace ledgerline::bus
