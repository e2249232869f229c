// Kafka as one process uses it.
#pragma once

#include <memory>

#include "app/role.h"
#include "bus/kafka_bus.h"
#include "http/health.h"

namespace ledgerline::app {

// The bus, and what remains of it: when it goes, after all its clients, and one of them could not be destroyed, the
// process is told to leave without waiting for it.
class KafkaLink {
public:
    // Contacts nobody yet. role: what brokers see as the name of its clients, after "ledgerline-". lanes: partitions of
    // the topic of events. The process must outlive the link. Error bad_usage (refuse): a property that the client does
    // not take.
    static Result<KafkaLink> open(RoleProcess& process, const std::string& role, KafkaConfig config, int lanes);

    KafkaBus& bus() const { return *bus_; }
    // "kafka", as /readyz names it. The link must outlive it.
    http::Dependency dependency(bool required) const;

private:
    struct Close {
        RoleProcess* process;
        void operator()(KafkaBus* bus) const;
    };
    explicit KafkaLink(std::unique_ptr<KafkaBus, Close> bus) : bus_(std::move(bus)) {}

    std::unique_ptr<KafkaBus, Close> bus_;
};

}  // namespace ledgerline::app
