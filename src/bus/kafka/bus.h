// KafkaBus: the bus on Apache Kafka, or on a broker that speaks the Kafka protocol.
//
// Makes producers and consumers, and keeps the topics as the lane protocol needs them: missing topics are created,
// those with fewer partitions than lanes are grown, and more partitions are a warning. They are checked on the first
// publish or poll, after every failed delivery and every 30 s.
//
// The bus itself is thread-safe; each producer and consumer it makes belongs to one thread at a time.
#pragma once

#include <memory>

#include "base/clock.h"
#include "bus/bus.h"
#include "bus/kafka/config.h"
#include "bus/kafka/health.h"
#include "observe/metrics.h"

namespace ledgerline::bus {

// Checks that the client accepts the configuration's properties, including the files they name. Makes no connection and
// leaves no thread behind. Error bad_usage, refuse.
Result<void> check_kafka_client(const KafkaConfig& config);

class KafkaBus {
public:
    // Checks the configuration; makes no connection. Error bad_usage, refuse, names the property that the client does
    // not accept. Clock and metrics must outlive the bus.
    static Result<std::unique_ptr<KafkaBus>> create(KafkaConfig config, const Clock& clock, Metrics& metrics);
    ~KafkaBus();

    // All of these must be destroyed before the bus. A producer for the topic of events, and one for the topic of dead
    // letters, where a message goes to the partition it names, modulo the topic's partitions.
    std::unique_ptr<Producer> make_producer();
    std::unique_ptr<Producer> make_dead_letter_producer();
    std::unique_ptr<Producer> make_outcome_producer();  // for the topic of outcomes
    // A consumer is a member of the group from its first poll to its destruction.
    std::unique_ptr<Consumer> make_consumer();

    // Whether the broker has answered recently. Never blocks: a thread of the bus asks the broker every second.
    bool reachable() const;

    // The state at the last check, at most about a second old while brokers answer. Never blocks. Covers all topics; a
    // partition named in it holds up only its own lane.
    KafkaHealth health() const;

    // Whether a client could not be destroyed and had to be left behind. The process must then end with _exit, once
    // everything of its own is flushed.
    bool abandoned_clients() const;

private:
    struct Impl;
    explicit KafkaBus(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ledgerline::bus
