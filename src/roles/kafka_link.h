// Kafka as one process uses it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bus/kafka/bus.h"
#include "bus/messaging.h"
#include "health/endpoints.h"
#include "roles/role.h"

namespace ledgerline::roles {

// The bus, and what to do when it cannot be closed: when the bus is destroyed, after all its clients, and one of them
// could not be, the process is told to exit without waiting for it.
class KafkaLink {
public:
    // Contacts no broker yet. role: the name of its clients as brokers see it, after "ledgerline-". lanes: partitions
    // of the topic of events. The process must outlive the link. Error bad_usage (refuse): a property that the client
    // does not accept.
    static Result<KafkaLink> open(RoleProcess& process, const std::string& role, bus::KafkaConfig config, int lanes);

    bus::KafkaBus& bus() const { return *bus_; }
    const bus::MessagingNames& names() const { return names_; }
    // "kafka" in /readyz: a broker answers, and the topic of events accepts events. The link must outlive it.
    health::Dependency dependency(bool required) const;

private:
    struct Close {
        RoleProcess* process;
        void operator()(bus::KafkaBus* bus) const;
    };
    KafkaLink(std::unique_ptr<bus::KafkaBus, Close> bus, bus::MessagingNames names)
        : bus_(std::move(bus)), names_(std::move(names)) {}

    std::unique_ptr<bus::KafkaBus, Close> bus_;
    bus::MessagingNames names_;
};

// The start of a role that uses only the database and Kafka: publisher or worker. options must outlive it.
template <class Options>
RoleStart stage_start(std::string_view name, const Options& options) {
    return {.name = std::string(name),
            .log = options.log,
            .listen = options.listen,
            .timeouts = options.timeouts,
            .shutdown_max = options.timeouts.drain + shutdown_slack,
            .check = [&options](bool) { return bus::check_kafka_client(options.kafka); },
            .rights = rights_plan(options.rights, options.database_url, options.kafka)};
}

}  // namespace ledgerline::roles
