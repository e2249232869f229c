#include "bus/kafka/admin.h"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <span>

#include "base/text.h"

namespace ledgerline::bus {
namespace {

constexpr std::size_t kErrorChars = 512;  // buffer size that the library asks for
// The library answers on its own when the request times out; this grace is added to the timeout.
constexpr milliseconds kAnswerGrace{500};

using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDeleter<rd_kafka_AdminOptions_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, KafkaDeleter<rd_kafka_NewTopic_destroy>>;
using NewPartitions = std::unique_ptr<rd_kafka_NewPartitions_t, KafkaDeleter<rd_kafka_NewPartitions_destroy>>;
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, KafkaDeleter<rd_kafka_ConfigResource_destroy>>;

std::unexpected<Error> topic_failure(const std::string& topic, const char* what, std::string_view reason) {
    return failure(Disposition::retry, "kafka_topic", fmt::format("topic {} {}: {}", topic, what, reason));
}

using Send = std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>;

void ask(rd_kafka_t* client, rd_kafka_admin_op_t operation, rd_kafka_queue_t* queue, const Send& send) {
    const AdminOptions options(rd_kafka_AdminOptions_new(client, operation));
    const int wait_ms = static_cast<int>(kafka_change_wait_max.count());
    char ignored[kErrorChars];
    rd_kafka_AdminOptions_set_request_timeout(options.get(), wait_ms, ignored, sizeof ignored);
    if (operation != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
        rd_kafka_AdminOptions_set_operation_timeout(options.get(), wait_ms, ignored, sizeof ignored);
    send(options.get(), queue);
}

// Sends one request and waits for its answer. Null: no answer.
KafkaEvent ask(rd_kafka_t* client, rd_kafka_admin_op_t operation, const Send& send) {
    const KafkaQueue queue(rd_kafka_queue_new(client));
    ask(client, operation, queue.get(), send);
    return KafkaEvent(
        rd_kafka_queue_poll(queue.get(), static_cast<int>((kafka_change_wait_max + kAnswerGrace).count())));
}

// The result for the request's one topic. done_before: the error that says so; it gives false.
Result<bool> check(const KafkaEvent& answer, std::span<const rd_kafka_topic_result_t* const> results,
                   rd_kafka_resp_err_t done_before, const std::string& topic, const char* what) {
    if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return topic_failure(topic, what, peer_text(rd_kafka_event_error_string(answer.get())));
    const auto error = results.size() == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == done_before) return error == RD_KAFKA_RESP_ERR_NO_ERROR;
    return topic_failure(topic, what, rd_kafka_err2str(error));
}

std::optional<std::int64_t> number_of(const rd_kafka_ConfigEntry_t* entry) {
    const char* text = rd_kafka_ConfigEntry_value(entry);
    if (!text) return std::nullopt;
    return parse_integer<std::int64_t>(text);
}

ConfigResource resource(rd_kafka_ResourceType_t type, const std::string& name) {
    return ConfigResource(rd_kafka_ConfigResource_new(type, name.c_str()));
}

// The one resource in the answer. what: the name of the resource, for people.
Result<const rd_kafka_ConfigResource_t*> described(const KafkaEvent& answer, const char* code,
                                                   const std::string& what) {
    const auto wrong = [&](std::string_view reason) {
        return failure(Disposition::retry, code, fmt::format("{} does not report its limits: {}", what, reason));
    };
    const auto* result = answer ? rd_kafka_event_DescribeConfigs_result(answer.get()) : nullptr;
    if (!result) return wrong("no answer");
    if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return wrong(peer_text(rd_kafka_event_error_string(answer.get())));
    std::size_t count = 0;
    const auto* const* resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
    if (count != 1) return wrong("the answer is about something else");
    if (const auto error = rd_kafka_ConfigResource_error(resources[0]); error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return wrong(rd_kafka_err2str(error));
    return resources[0];
}

// Calls take(name, entry) for each setting.
void each_setting(const rd_kafka_ConfigResource_t* resource,
                  const std::function<void(std::string_view, const rd_kafka_ConfigEntry_t*)>& take) {
    std::size_t count = 0;
    const auto* const* entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (std::size_t i = 0; i < count; ++i)
        if (const char* name = rd_kafka_ConfigEntry_name(entries[i])) take(name, entries[i]);
}

KafkaBrokerLimits broker_limits_of(const rd_kafka_ConfigResource_t* resource) {
    KafkaBrokerLimits limits;
    const char* name = rd_kafka_ConfigResource_name(resource);
    limits.broker = name ? std::atoi(name) : -1;
    each_setting(resource, [&](std::string_view setting, const rd_kafka_ConfigEntry_t* entry) {
        if (setting == "message.max.bytes") limits.message_bytes_max = number_of(entry);
        if (setting == "socket.request.max.bytes") limits.request_bytes_max = number_of(entry);
        if (setting == "replica.fetch.max.bytes") limits.replica_fetch_bytes_max = number_of(entry);
    });
    return limits;
}

}  // namespace

Result<bool> create_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions, int replication_factor) {
    constexpr char kWhat[] = "cannot be created";
    char reason[kErrorChars];
    const NewTopic wish(rd_kafka_NewTopic_new(topic.c_str(), partitions, replication_factor, reason, sizeof reason));
    if (!wish) return topic_failure(topic, kWhat, reason);
    rd_kafka_NewTopic_t* wishes[] = {wish.get()};
    const KafkaEvent answer = ask(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, [&](const auto* options, auto* queue) {
        rd_kafka_CreateTopics(client, wishes, 1, options, queue);
    });
    const auto* result = answer ? rd_kafka_event_CreateTopics_result(answer.get()) : nullptr;
    if (!result) return topic_failure(topic, kWhat, "no answer");
    std::size_t count = 0;
    const auto* const* created = rd_kafka_CreateTopics_result_topics(result, &count);
    return check(answer, {created, count}, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, topic, kWhat);
}

Result<bool> grow_kafka_topic(rd_kafka_t* client, const std::string& topic, int partitions) {
    constexpr char kWhat[] = "cannot be grown";
    char reason[kErrorChars];
    const NewPartitions wish(
        rd_kafka_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(partitions), reason, sizeof reason));
    if (!wish) return topic_failure(topic, kWhat, reason);
    rd_kafka_NewPartitions_t* wishes[] = {wish.get()};
    const KafkaEvent answer = ask(client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, [&](const auto* options, auto* queue) {
        rd_kafka_CreatePartitions(client, wishes, 1, options, queue);
    });
    const auto* result = answer ? rd_kafka_event_CreatePartitions_result(answer.get()) : nullptr;
    if (!result) return topic_failure(topic, kWhat, "no answer");
    std::size_t count = 0;
    const auto* const* grown = rd_kafka_CreatePartitions_result_topics(result, &count);
    // Another instance may have grown it meanwhile.
    return check(answer, {grown, count}, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, topic, kWhat);
}

Result<KafkaTopicLimits> describe_kafka_topic(rd_kafka_t* client, const std::string& topic) {
    const ConfigResource wish = resource(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_ConfigResource_t* wishes[] = {wish.get()};
    const KafkaEvent answer = ask(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, [&](const auto* options, auto* queue) {
        rd_kafka_DescribeConfigs(client, wishes, 1, options, queue);
    });
    LEDGERLINE_TRY(const auto* found, described(answer, "kafka_topic", "topic " + topic));
    KafkaTopicLimits limits;
    each_setting(found, [&](std::string_view setting, const rd_kafka_ConfigEntry_t* entry) {
        if (setting == "max.message.bytes") {
            limits.message_bytes_max = number_of(entry);
            limits.message_bytes_are_its_own =
                rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
        }
        if (setting == "min.insync.replicas") limits.replicas_in_sync_min = number_of(entry);
    });
    return limits;
}

Result<std::vector<KafkaBrokerLimits>> describe_kafka_brokers(rd_kafka_t* client, const std::set<int>& brokers) {
    const KafkaQueue queue(rd_kafka_queue_new(client));
    for (const int broker : brokers) {
        const ConfigResource wish = resource(RD_KAFKA_RESOURCE_BROKER, std::to_string(broker));
        rd_kafka_ConfigResource_t* wishes[] = {wish.get()};
        ask(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, queue.get(),
            [&](const auto* options, auto* answers) { rd_kafka_DescribeConfigs(client, wishes, 1, options, answers); });
    }
    std::vector<KafkaBrokerLimits> limits;
    std::optional<Error> refused;
    const SteadyTime deadline = std::chrono::steady_clock::now() + kafka_change_wait_max + kAnswerGrace;
    for (std::size_t i = 0; i < brokers.size(); ++i) {
        const KafkaEvent answer(
            rd_kafka_queue_poll(queue.get(), kafka_wait_ms(std::chrono::steady_clock::now(), deadline)));
        if (!answer) break;
        const auto found = described(answer, "kafka_broker", "a broker");
        if (found)
            limits.push_back(broker_limits_of(*found));
        else if (!is_silence(rd_kafka_event_error(answer.get())))
            refused = found.error();
    }
    if (refused && limits.empty()) return std::unexpected(*refused);
    return limits;
}

}  // namespace ledgerline::bus
