// The topic keeper's administrative requests. Each call sends one and waits for its answer.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bus/kafka/client.h"
#include "bus/kafka/limits.h"

namespace ledgerline::bus {

// How long each of the requests below waits for its answer.
inline constexpr milliseconds kafka_change_wait_max{3000};

// Creates the topic. False: it existed already. replication_factor -1: the broker's default. Error kafka_topic, retry,
// gives the reason.
Result<bool> create_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions, int replication_factor);

// Raises the topic's number of partitions. False: it had that many already. Error kafka_topic, retry.
Result<bool> grow_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions);

// Error kafka_topic, retry: no answer, or not authorised to ask.
Result<KafkaTopicLimits> describe_kafka_topic(rd_kafka_t* client, const std::string& topic);

// Asks all of them at once and waits for the last answer. Brokers that do not answer are left unknown. Error
// kafka_broker, retry: a broker has answered with an error, for example when not authorised.
Result<std::vector<KafkaBrokerLimits>> describe_kafka_brokers(rd_kafka_t* client, const std::set<int>& brokers);

}  // namespace ledgerline::bus
