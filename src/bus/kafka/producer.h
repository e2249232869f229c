// KafkaProducer: the producer of one topic on Kafka.
//
// A message counts as delivered when the broker has acknowledged it with its offset; without one it may be lost. The
// client retries by itself, forever, what a broker does not accept for the moment: a partition that loses its leader or
// its replicas, or a broker that answers late, keeps its messages under way and holds up no other. Nothing is handed to
// a partition that the topic keeper knows to be away.
//
// The client is dropped with everything it holds, and those messages fail, only when it is unusable (a fatal error, for
// example when the partition's log was replaced) or has brought no report for a sound partition for still_max. What was
// under way may still arrive; the lane protocol drops it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "bus/bus.h"
#include "bus/kafka/client.h"
#include "bus/kafka/topics.h"

namespace ledgerline::bus {

// What the delivery report says about its message.
Fate fate_of(const rd_kafka_message_t& report);

class KafkaProducer final : public Producer, private KafkaListener {
public:
    // The limits of what one client holds; beyond them there is no room.
    static constexpr int queued_messages_max = 100'000;
    static constexpr int queued_kilobytes_max = limits::kafka_queued_bytes_max / limits::kibibyte;
    // The limit of a batch to a broker, unless the topic accepts less.
    static constexpr std::size_t batch_bytes_max = 1'000'000;
    // How long the first send() waits for the topic keeper's first check.
    static constexpr milliseconds first_look_wait_max{2000};
    // Longer than a request waits for its answer (socket.timeout.ms), after which the client asks again itself.
    static constexpr milliseconds still_max{150'000};
    static constexpr milliseconds still_check_interval{1000};

    // Arguments passed by reference must outlive the producer. The configuration has been checked.
    KafkaProducer(KafkaTopic topic, const KafkaConfig& config, KafkaTopics& topics, Metrics& metrics,
                  KafkaReaper& reaper);
    ~KafkaProducer() override;

    std::uint64_t send(std::span<const Outgoing> messages) override;
    std::vector<Report> collect(SteadyTime deadline) override;
    std::string obstacle(int partition) const override;
    std::size_t message_bytes_max() const override;

    // Lets the client report errors and statistics between calls. Thread-safe; never blocks.
    void serve();

private:
    // A partition with messages under way.
    struct Way {
        std::size_t messages = 0;
        SteadyTime still_since{};  // no report since then, although the partition is sound
    };

    void delivered(const rd_kafka_message_t& report) override;
    int partition_of(const Outgoing& outgoing) const;
    Result<void> prepare();
    void hand_over(std::uint64_t number, const Outgoing& outgoing, std::set<int>& closed);
    rd_kafka_resp_err_t enqueue(std::uint64_t number, int partition, const Message& message);
    void settle(std::uint64_t number, Fate fate, std::string reason);
    void drop_if_useless();
    void drop(const std::string& why);

    const KafkaTopic topic_;
    const std::string topic_name_;
    const std::string role_;
    const std::optional<std::uint32_t> schema_id_;
    const KafkaConfig& config_;
    KafkaTopics& topics_;
    Metrics& metrics_;
    KafkaReaper& reaper_;

    mutable std::mutex mutex_;  // held by send and collect; serve runs in between
    std::unique_ptr<KafkaClient> client_;
    std::size_t batch_bytes_ = 0;  // the size the client was made with
    std::uint64_t next_number_ = 0;
    std::unordered_map<std::uint64_t, int> under_way_;  // partition by message number
    std::map<int, Way> ways_;
    std::vector<Report> reports_;
    SteadyTime still_check_due_{};
    bool looked_ = false;
};

}  // namespace ledgerline::bus
