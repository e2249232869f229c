// KafkaProducer: the producer of one topic on Kafka.
//
// A message is delivered when the broker has acknowledged it with its offset: without one it may be gone. After any
// other outcome of a publish the client is dropped with all it holds, and the next publish begins with a new one and
// another look at the topic, so that nothing of an old publish comes later in a new one's place. What was under way may
// still arrive; the lane protocol drops it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/kafka_client.h"
#include "bus/kafka_topics.h"

namespace ledgerline {

// Whether the broker has certainly taken the message of this delivery report.
bool is_delivered(const rd_kafka_message_t& report);

class KafkaProducer final : public Producer, private KafkaListener {
public:
    // What one client holds at most; more is a failed delivery.
    static constexpr int queued_messages_max = 100'000;
    static constexpr int queued_kilobytes_max = 64 << 10;

    // Everything must outlive the producer. The configuration was checked before.
    KafkaProducer(KafkaTopic topic, const KafkaConfig& config, KafkaTopics& topics, Metrics& metrics,
                  KafkaReaper& reaper);
    ~KafkaProducer() override;

    Result<std::vector<bool>> publish(std::span<const Outgoing> messages, SteadyTime deadline) override;

    // Lets the client report errors and statistics between publishes. Safe to call from any thread; never blocks.
    void serve();

private:
    void delivered(const rd_kafka_message_t& report) override;
    Result<void> open();
    Result<std::vector<bool>> publish_locked(std::span<const Outgoing> messages, SteadyTime deadline);
    bool enqueue(std::size_t index, const Outgoing& outgoing);
    void await_reports(SteadyTime deadline);
    void drop();

    const KafkaTopic topic_;
    const std::string topic_name_;
    const std::string role_;
    const KafkaConfig& config_;
    KafkaTopics& topics_;
    Metrics& metrics_;
    KafkaReaper& reaper_;

    std::mutex mutex_;  // held by publish; serve comes in between
    std::unique_ptr<KafkaClient> client_;
    // Of the publish under way.
    std::vector<bool> flags_;
    std::size_t outstanding_ = 0;
};

}  // namespace ledgerline
