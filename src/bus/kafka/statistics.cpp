#include "bus/kafka/statistics.h"

#include <algorithm>

#include "base/json.h"

namespace ledgerline::bus {
namespace {

std::int64_t number(const json::Value* object, std::string_view name) {
    const json::Value* value = object ? object->find(name) : nullptr;
    return value ? value->if_int64().value_or(0) : 0;
}

}  // namespace

void record_kafka_statistics(std::string_view text, const std::string& client, Metrics& metrics) {
    const auto report = json::parse(text);
    if (!report) return;
    // The slowest broker determines the flow.
    std::int64_t latency_us_max = 0, waiting_requests = 0;
    if (const json::Value* brokers = report->find("brokers"); brokers && brokers->if_object()) {
        for (const auto& [name, broker] : *brokers->if_object()) {
            latency_us_max = std::max(latency_us_max, number(broker.find("rtt"), "p99"));
            waiting_requests += number(&broker, "outbuf_cnt") + number(&broker, "waitresp_cnt");
        }
    }
    const prometheus::Labels labels{{"client", client}};
    metrics.kafka_request_latency_seconds.Add(labels).Set(static_cast<double>(latency_us_max) / 1e6);
    metrics.kafka_requests_waiting.Add(labels).Set(static_cast<double>(waiting_requests));
    metrics.kafka_messages_queued.Add(labels).Set(static_cast<double>(number(&*report, "msg_cnt")));
}

}  // namespace ledgerline::bus
