#include "bus/kafka/config.h"

#include <fmt/format.h>

#include <algorithm>

namespace ledgerline::bus {
namespace {

struct OwnedProperty {
    std::string_view name;
    std::string_view rule;
};

constexpr std::string_view kOrder = "the producer is idempotent, with one request in flight and acks from all replicas";
constexpr std::string_view kWaiting = "the publisher decides how long to wait for a delivery";
constexpr std::string_view kCursor = "offsets are committed by the worker, after the database commit";
constexpr std::string_view kGroup = "partitions are assigned round-robin to members that come and go";
constexpr std::string_view kBatch = "batches fit what the topic accepts (message.max.bytes limits a message)";
constexpr std::string_view kTopics = "topics are created with one partition per lane, never implicitly";
constexpr std::string_view kProcess = "the process handles the client's events itself";

constexpr OwnedProperty kOwned[] = {
    {"bootstrap.servers", "the brokers are given by --kafka-brokers"},
    {"metadata.broker.list", "the brokers are given by --kafka-brokers"},
    {"client.id", "it names the role"},
    {"enable.idempotence", kOrder},
    {"enable.gapless.guarantee", kOrder},
    {"acks", kOrder},
    {"request.required.acks", kOrder},
    {"max.in.flight", kOrder},
    {"max.in.flight.requests.per.connection", kOrder},
    {"retries", kOrder},
    {"message.send.max.retries", kOrder},
    {"transactional.id", kOrder},
    {"batch.size", kBatch},
    {"partitioner", "a message goes to the partition of its lane"},
    {"message.timeout.ms", kWaiting},
    {"delivery.timeout.ms", kWaiting},
    {"delivery.report.only.error", kWaiting},
    {"enable.auto.commit", kCursor},
    {"auto.commit.enable", kCursor},
    {"auto.commit.interval.ms", kCursor},
    {"enable.auto.offset.store", kCursor},
    {"offset.store.method", kCursor},
    {"auto.offset.reset", kCursor},
    {"enable.partition.eof", "the worker must learn where a partition ends"},
    {"group.id", "the group is given by its own setting"},
    {"group.instance.id", kGroup},
    {"partition.assignment.strategy", kGroup},
    {"session.timeout.ms", kGroup},
    {"heartbeat.interval.ms", kGroup},
    {"max.poll.interval.ms", kGroup},
    {"allow.auto.create.topics", kTopics},
    {"topic.metadata.refresh.interval.ms", kTopics},
    {"statistics.interval.ms", kProcess},
    {"enabled_events", kProcess},
    {"log.queue", kProcess},
    {"opaque", kProcess},
    {"default_topic_conf", kProcess},
};

}  // namespace

Result<void> check_kafka_property(const std::string& name) {
    const auto owned = std::find_if(std::begin(kOwned), std::end(kOwned),
                                    [&](const OwnedProperty& property) { return property.name == name; });
    if (owned != std::end(kOwned))
        return failure(Disposition::refuse, "bad_usage",
                       fmt::format("Kafka property {} is set by Ledgerline: {}", name, owned->rule));
    if (name.ends_with("_cb"))
        return failure(Disposition::refuse, "bad_usage",
                       fmt::format("Kafka property {} is set by Ledgerline: {}", name, kProcess));
    return {};
}

bool is_secret_kafka_property(std::string_view name) {
    constexpr std::string_view kSecretParts[] = {"password",           "secret",  "token",
                                                 "oauthbearer.config", "key.pem", "jaas"};
    return std::any_of(std::begin(kSecretParts), std::end(kSecretParts),
                       [&](std::string_view part) { return name.contains(part); });
}

}  // namespace ledgerline::bus
