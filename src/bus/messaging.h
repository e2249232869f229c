// What traces say about the bus: those of OpenTelemetry's messaging attributes that are the same for every message.
#pragma once

#include <string>

#include "observe/span.h"

namespace ledgerline::bus {

struct MessagingNames {
    std::string system = "in_process";  // "kafka" on Kafka
    std::string topic = "transactions";
    std::string group = "transaction-workers";
};

// name: of the operation, "publish" or "process". type: OpenTelemetry's term for it.
inline SpanAttributes messaging_attributes(const MessagingNames& names, std::string_view name, std::string_view type) {
    SpanAttributes attributes;
    attributes.add("messaging.system", names.system).add("messaging.destination.name", names.topic);
    attributes.add("messaging.operation.name", name).add("messaging.operation.type", type);
    return attributes;
}

}  // namespace ledgerline::bus
