// Kafka as one process uses it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "app/role.h"
#include "bus/kafka_bus.h"
#include "bus/messaging.h"
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
    const MessagingNames& names() const { return names_; }
    // "kafka", as /readyz names it: a broker answers, and the topic of events takes events. The link must outlive it.
    http::Dependency dependency(bool required) const;

private:
    struct Close {
        RoleProcess* process;
        void operator()(KafkaBus* bus) const;
    };
    KafkaLink(std::unique_ptr<KafkaBus, Close> bus, MessagingNames names)
        : bus_(std::move(bus)), names_(std::move(names)) {}

    std::unique_ptr<KafkaBus, Close> bus_;
    MessagingNames names_;
};

// The start of a role that stands between the database and Kafka alone: publisher or worker. options outlives it.
template <class Options>
RoleStart stage_start(std::string name, const Options& options) {
    return {.name = std::move(name),
            .log = options.log,
            .listen = options.listen,
            .timeouts = options.timeouts,
            .shutdown_max = options.timeouts.drain + shutdown_slack,
            .check = [&options](bool) { return check_kafka_client(options.kafka); },
            .rights = rights_plan(options.rights, options.database_url, options.kafka)};
}

}  // namespace ledgerline::app
