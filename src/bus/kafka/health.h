// KafkaHealth: what a process knows about the state of its Kafka, for probes and people.
#pragma once

#include <string>
#include <vector>

namespace ledgerline::bus {

struct KafkaHealth {
    // Whether a broker has answered recently.
    bool reachable = false;
    // What keeps a role from working at all: no broker answers; the topic of events is missing and cannot be created,
    // or does not accept a message of an event's size. One sentence each; empty: nothing.
    std::vector<std::string> problems;
    // What holds up single lanes, or the publishing of dead letters, while everything else works: "partition 3 of topic
    // transactions has no leader". One sentence each; empty: nothing.
    std::vector<std::string> degraded;
};

}  // namespace ledgerline::bus
