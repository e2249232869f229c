#include "bus/kafka/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "domain/event.h"

namespace ledgerline::bus {
namespace {

// What a produce request holds in addition to its batch, and an answer in addition to its messages.
constexpr std::int64_t kFrameBytesMax = 1024;
constexpr auto kEventBytesMax = static_cast<std::int64_t>(event_wire_bytes_max);

class Judge {
public:
    explicit Judge(KafkaLimitsVerdict& verdict) : verdict_(verdict) {}

    // Batches must stay below the limit; whether an event does.
    bool batch(std::optional<std::int64_t> bytes_max) {
        if (!bytes_max) return true;
        batch_bytes_max_ = std::clamp<std::int64_t>(*bytes_max, 0, batch_bytes_max_);
        verdict_.batch_bytes_max = static_cast<std::size_t>(batch_bytes_max_);
        return *bytes_max >= kEventBytesMax;
    }

private:
    KafkaLimitsVerdict& verdict_;
    std::int64_t batch_bytes_max_ = std::numeric_limits<int>::max();
};

}  // namespace

KafkaLimitsVerdict judge_kafka_limits(const std::string& topic, const KafkaTopicLimits& of_topic,
                                      std::span<const KafkaBrokerLimits> of_brokers, std::size_t answer_bytes_max) {
    KafkaLimitsVerdict verdict{.batch_bytes_max = std::numeric_limits<int>::max(), .problems = {}, .degraded = {}};
    Judge judge(verdict);
    if (!judge.batch(of_topic.message_bytes_max))
        verdict.problems.push_back(
            fmt::format("topic {} accepts messages of at most {} bytes (max.message.bytes), but an event may have {}",
                        topic, *of_topic.message_bytes_max, kEventBytesMax));
    if (of_topic.message_bytes_max &&
        *of_topic.message_bytes_max > static_cast<std::int64_t>(answer_bytes_max) - kFrameBytesMax)
        verdict.degraded.push_back(
            fmt::format("topic {} accepts messages of {} bytes (max.message.bytes), but the client's "
                        "receive.message.max.bytes of {} is too small for one",
                        topic, *of_topic.message_bytes_max, answer_bytes_max));
    for (const KafkaBrokerLimits& broker : of_brokers) {
        if (!of_topic.message_bytes_are_its_own && !judge.batch(broker.message_bytes_max))
            verdict.problems.push_back(
                fmt::format("broker {} accepts messages of at most {} bytes (message.max.bytes), but an event of topic "
                            "{} may have {}",
                            broker.broker, *broker.message_bytes_max, topic, kEventBytesMax));
        if (broker.request_bytes_max && !judge.batch(*broker.request_bytes_max - kFrameBytesMax))
            verdict.problems.push_back(fmt::format(
                "broker {} accepts requests of at most {} bytes (socket.request.max.bytes), but one with an "
                "event of topic {} may have {}",
                broker.broker, *broker.request_bytes_max, topic, kEventBytesMax + kFrameBytesMax));
        // A fetch returns at least one batch, whatever its size (KIP-74), so replication does not stop.
        if (broker.replica_fetch_bytes_max && *broker.replica_fetch_bytes_max < kEventBytesMax)
            verdict.degraded.push_back(
                fmt::format("broker {} copies {} bytes of a partition at once (replica.fetch.max.bytes), but an event "
                            "of topic {} may have {}: its replicas easily fall behind",
                            broker.broker, *broker.replica_fetch_bytes_max, topic, kEventBytesMax));
    }
    return verdict;
}

}  // namespace ledgerline::bus
