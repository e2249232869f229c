// KafkaTraffic: a publisher and a worker in miniature, which follow the lane protocol over a real Kafka bus without a
// database: numbered messages per partition, a cursor of what was published and one of what was taken in order.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/kafka/bus.h"
#include "lab/kafka_broker.h"

namespace ledgerline::test {

class KafkaTraffic {
public:
    static constexpr std::chrono::seconds patience{90};

    // A topic and a group of its own. The bus is made at first use.
    KafkaTraffic(const std::string& addresses, int partitions);
    KafkaTraffic(const KafkaBroker& broker, int partitions) : KafkaTraffic(broker.address(), partitions) {}

    bus::KafkaBus& bus();
    const std::string& topic() const { return config_.topic; }
    const std::string& dead_letter_topic() const { return config_.dead_letter_topic; }
    Metrics& metrics() { return metrics_; }
    const std::set<int>& assigned() const { return assigned_; }
    const std::set<int>& ended() const { return ended_; }  // at the last poll
    int rewinds() const { return rewinds_; }

    // So many more messages for each partition; sent by the rounds that follow.
    void add(int messages);
    // Publishes what is due, polls once, and asks again for what the bus has lost.
    void round();
    // The same, published at once without a poll.
    void publish_only(int messages);
    // Rounds until everything was taken, in order.
    void settle();
    // Rounds until done() holds.
    void rounds_until(const char* what, const std::function<bool()>& done);
    // Gives its client up and begins with new ones.
    void replace_producer();
    void replace_consumer();

private:
    struct Lane {
        int wanted = 0;
        int published = 0;
        int taken = 0;
    };

    void open();
    void publish();
    void poll();
    std::string state() const;  // for people

    bus::KafkaConfig config_;
    SystemClock clock_;
    Metrics metrics_{"test"};
    std::unique_ptr<bus::KafkaBus> bus_;
    std::unique_ptr<bus::Producer> producer_;
    std::unique_ptr<bus::Consumer> consumer_;
    std::vector<Lane> lanes_;
    std::set<int> assigned_;
    std::set<int> ended_;
    int rewinds_ = 0;
    std::string publish_error_;
};

}  // namespace ledgerline::test
