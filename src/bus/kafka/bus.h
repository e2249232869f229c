// KafkaBus: the bus on Apache Kafka, or on a broker that speaks its protocol.
//
// Makes producers and consumers, and keeps the topics as the lane protocol wants them: missing ones are created, ones
// with fewer partitions than lanes are grown, more partitions are a warning. They are looked at by the first publish or
// poll, after every failed delivery and every 30 s.
//
// Safe to use from any thread as a whole; each producer and consumer made here belongs to one thread at a time.
#pragma once

#include <memory>

#include "base/clock.h"
#include "bus/bus.h"
#include "bus/kafka/config.h"
#include "bus/kafka/health.h"
#include "observe/metrics.h"

namespace ledgerline::bus {

// Whether the client takes the configuration's properties, files that they name included. Contacts nobody, and leaves
// no thread behind. Error bad_usage, refuse.
Result<void> check_kafka_client(const KafkaConfig& config);

class KafkaBus {
public:
    // Checks the configuration; contacts nobody. Error bad_usage, refuse, names the property that the client does not
    // take. Clock and metrics must outlive the bus.
    static Result<std::unique_ptr<KafkaBus>> create(KafkaConfig config, const Clock& clock, Metrics& metrics);
    ~KafkaBus();

    // All must be destroyed before the bus. A producer of the topic of events, or of the one of dead letters (a message
    // there goes to the partition that it names, modulo the topic's partitions).
    std::unique_ptr<Producer> make_producer();
    std::unique_ptr<Producer> make_dead_letter_producer();
    // A consumer is a member of the group from its first poll to its destruction.
    std::unique_ptr<Consumer> make_consumer();

    // Whether the broker answered lately. Never blocks; kept true or false by a thread of the bus that asks it every
    // second.
    bool reachable() const;

    // The state at the last look, at most about a second old while brokers answer. Never blocks. It tells of both
    // topics; a partition named in it holds up its own lane only.
    KafkaHealth health() const;

    // Whether a client had to be left behind because it could not be destroyed. The process must then end with _exit
    // once everything of its own is flushed.
    bool abandoned_clients() const;

private:
    struct Impl;
    explicit KafkaBus(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ledgerline::bus
