// KafkaHealth: what a process knows at this moment of its Kafka, for probes and people.
#pragma once

#include <string>
#include <vector>

namespace ledgerline::bus {

struct KafkaHealth {
    // Whether a broker has answered lately.
    bool reachable = false;
    // What keeps a role from doing its work as a whole: no broker answers; the topic of events is missing and cannot be
    // made, or does not take a message of an event's size. One sentence each; empty: nothing.
    std::vector<std::string> problems;
    // What holds up single lanes, or the announcements of dead letters, while the rest goes on: "partition 3 of topic
    // transactions has no leader". One sentence each; empty: nothing.
    std::vector<std::string> degraded;
};

}  // namespace ledgerline::bus
