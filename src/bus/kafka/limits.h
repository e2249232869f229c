// What brokers and topics let pass, compared with what an event takes and with what our own clients let pass.
//
// Pure functions: the topic keeper reads the settings (kafka_admin.h) and asks here what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ledgerline::bus {

// What a topic is set to; nothing: not known.
struct KafkaTopicLimits {
    std::optional<std::int64_t> message_bytes_max = {};  // max.message.bytes: of a batch, as the broker stores it
    bool message_bytes_are_its_own = false;              // set on the topic; otherwise each broker's own default holds
    std::optional<std::int64_t> replicas_in_sync_min = {};  // min.insync.replicas
};

// What a broker is set to; nothing: not known.
struct KafkaBrokerLimits {
    int broker = 0;
    std::optional<std::int64_t> message_bytes_max = {};  // message.max.bytes: of topics that set none of their own
    std::optional<std::int64_t> request_bytes_max = {};  // socket.request.max.bytes: it hangs up on what is larger
    std::optional<std::int64_t> replica_fetch_bytes_max = {};  // replica.fetch.max.bytes
};

struct KafkaLimitsVerdict {
    // What a batch may have, in bytes, so that every broker takes it; a large number while that is not known.
    std::size_t batch_bytes_max = 0;
    // Why an event of the largest size is not taken. One sentence each, with the setting and its value; empty: nothing.
    std::vector<std::string> problems;
    // What works and should be otherwise.
    std::vector<std::string> degraded;
};

// answer_bytes_max: what our consumers let pass of one answer (receive.message.max.bytes).
KafkaLimitsVerdict judge_kafka_limits(const std::string& topic, const KafkaTopicLimits& of_topic,
                                      std::span<const KafkaBrokerLimits> of_brokers, std::size_t answer_bytes_max);

}  // namespace ledgerline::bus
