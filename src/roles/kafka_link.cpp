#include "roles/kafka_link.h"

namespace ledgerline::roles {

void KafkaLink::Close::operator()(bus::KafkaBus* bus) const {
    if (bus->abandoned_clients()) process->leave_when_done();
    delete bus;
}

Result<KafkaLink> KafkaLink::open(RoleProcess& process, const std::string& role, bus::KafkaConfig config, int lanes) {
    config.client_id = "ledgerline-" + role;
    config.partitions = lanes;
    bus::MessagingNames names{.system = "kafka", .topic = config.topic, .group = config.group};
    LEDGERLINE_TRY(auto bus,
                   bus::KafkaBus::create(std::move(config), process.context().clock, process.context().metrics));
    return KafkaLink(std::unique_ptr<bus::KafkaBus, Close>(bus.release(), {&process}), std::move(names));
}

health::Dependency KafkaLink::dependency(bool required) const {
    return {"kafka", [bus = bus_.get(), required] {
                const bus::KafkaHealth health = bus->health();
                health::Troubles troubles;
                for (const std::string& problem : health.problems) troubles.push_back({"kafka", problem, required});
                for (const std::string& degraded : health.degraded) troubles.push_back({"kafka", degraded, false});
                return troubles;
            }};
}

}  // namespace ledgerline::roles
