// The parts of the Kafka bus that need no broker.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/kafka/bus.h"
#include "bus/kafka/client.h"
#include "bus/kafka/limits.h"
#include "bus/kafka/producer.h"
#include "bus/kafka/statistics.h"
#include "domain/event.h"

namespace ledgerline::bus {
namespace {

using testing::HasSubstr;
using testing::Not;

KafkaConfig config_with(const std::string& name, const std::string& value) {
    KafkaConfig config;
    config.brokers = "127.0.0.1:1";
    config.partitions = 1;
    config.properties[name] = value;
    return config;
}

Error refusal_of(const std::string& name, const std::string& value) {
    static const SystemClock clock;
    static Metrics metrics("test");
    const auto bus = KafkaBus::create(config_with(name, value), clock, metrics);
    if (bus) {
        ADD_FAILURE() << name << " was taken";
        return {};
    }
    EXPECT_EQ(bus.error().code, "bad_usage");
    EXPECT_EQ(bus.error().disposition, Disposition::refuse);
    EXPECT_THAT(bus.error().message, HasSubstr(name));
    return bus.error();
}

TEST(KafkaConfigTest, RefusesWhatLedgerlineSetsItself) {
    for (const char* name : {"enable.idempotence", "acks", "request.required.acks", "enable.auto.commit",
                             "message.timeout.ms", "group.instance.id", "allow.auto.create.topics", "bootstrap.servers",
                             "max.in.flight", "partition.assignment.strategy", "log_cb"}) {
        const auto checked = check_kafka_property(name);
        ASSERT_FALSE(checked) << name;
        EXPECT_EQ(checked.error().code, "bad_usage");
        EXPECT_THAT(checked.error().message, HasSubstr(name));
        refusal_of(name, "1");
    }
    EXPECT_TRUE(check_kafka_property("security.protocol"));
    EXPECT_TRUE(check_kafka_property("sasl.password"));
    EXPECT_TRUE(check_kafka_property("compression.codec"));
}

TEST(KafkaConfigTest, NamesThePropertyThatTheClientDoesNotTake) {
    EXPECT_THAT(refusal_of("no.such.property", "1").message, HasSubstr("no Kafka property"));
    EXPECT_THAT(refusal_of("security.protocol", "carrier-pigeon").message, HasSubstr("carrier-pigeon"));
    EXPECT_THAT(refusal_of("socket.timeout.ms", "many").message, HasSubstr("socket.timeout.ms"));
}

TEST(KafkaConfigTest, NeverShowsASecret) {
    for (const char* name : {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
                             "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config"})
        EXPECT_TRUE(is_secret_kafka_property(name)) << name;
    for (const char* name : {"sasl.username", "security.protocol", "ssl.ca.location"})
        EXPECT_FALSE(is_secret_kafka_property(name)) << name;
    KafkaConfig config = config_with("security.protocol", "ssl");
    config.properties["ssl.key.pem"] = "hush-hush";
    const SystemClock clock;
    Metrics metrics("test");
    const auto bus = KafkaBus::create(config, clock, metrics);
    ASSERT_FALSE(bus);
    EXPECT_THAT(bus.error().message, Not(HasSubstr("hush-hush")));
}

TEST(KafkaConfigTest, TellsOfSettingsThatDoNotGoTogether) {
    static const SystemClock clock;
    static Metrics metrics("test");
    const auto bus = KafkaBus::create(config_with("security.protocol", "sasl_plaintext"), clock, metrics);
    ASSERT_FALSE(bus);
    EXPECT_EQ(bus.error().code, "bad_usage");
}

rd_kafka_message_t report(rd_kafka_resp_err_t error, std::int64_t offset) {
    rd_kafka_message_t message{};
    message.err = error;
    message.offset = offset;
    return message;
}

TEST(KafkaProducerTest, BelievesOnlyAnAcknowledgementWithAnOffset) {
    EXPECT_EQ(fate_of(report(RD_KAFKA_RESP_ERR_NO_ERROR, 0)), Fate::delivered);
    EXPECT_EQ(fate_of(report(RD_KAFKA_RESP_ERR_NO_ERROR, 17)), Fate::delivered);
    EXPECT_EQ(fate_of(report(RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_OFFSET_INVALID)), Fate::failed);
    EXPECT_EQ(fate_of(report(RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_OFFSET_END)), Fate::failed);
    EXPECT_EQ(fate_of(report(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, 3)), Fate::failed);
}

TEST(KafkaProducerTest, TellsWhatIsRefusedFromWhatMayBeTakenLater) {
    for (const auto error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD})
        EXPECT_EQ(fate_of(report(error, RD_KAFKA_OFFSET_INVALID)), Fate::refused) << error;
    for (const auto error : {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                             RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT})
        EXPECT_EQ(fate_of(report(error, RD_KAFKA_OFFSET_INVALID)), Fate::failed) << error;
}

// A limit too small for an event of the largest size would stop a lane some day.
TEST(KafkaConfigTest, RefusesLimitsBelowTheSizeOfAnEvent) {
    for (const char* name : {"message.max.bytes", "fetch.message.max.bytes", "receive.message.max.bytes"})
        EXPECT_THAT(refusal_of(name, "60000").message, HasSubstr("are needed"));
    EXPECT_TRUE(read_kafka_client_limits(config_with("message.max.bytes", std::to_string(event_wire_bytes_max))));
    EXPECT_FALSE(read_kafka_client_limits(config_with("message.max.bytes", std::to_string(event_wire_bytes_max - 1))));
}

// Each limit, alone and one byte too small, is named with its value; at the required size it is not.
TEST(KafkaLimitsTest, EachThatAnEventDoesNotFitIsNamedWithItsValue) {
    constexpr std::int64_t event = event_wire_bytes_max, frame = 1024;
    constexpr std::size_t answers = 100'000'000;
    const auto judge = [](KafkaTopicLimits topic, KafkaBrokerLimits broker) {
        broker.broker = 7;
        return judge_kafka_limits("money", topic, std::span(&broker, 1), answers);
    };
    const auto expect_named = [](const std::vector<std::string>& said, const char* setting, std::int64_t value) {
        ASSERT_EQ(said.size(), 1u) << setting;
        EXPECT_THAT(said[0], HasSubstr(setting));
        EXPECT_THAT(said[0], HasSubstr(fmt::format(" {} ", value)));
    };
    const KafkaTopicLimits usual{.message_bytes_max = 1'048'588}, little{.message_bytes_max = event - 1};
    expect_named(judge(little, {}).problems, "max.message.bytes", event - 1);
    expect_named(judge(usual, {.message_bytes_max = event - 1}).problems, "message.max.bytes", event - 1);
    expect_named(judge(usual, {.request_bytes_max = event + frame - 1}).problems, "socket.request.max.bytes",
                 event + frame - 1);
    expect_named(judge(usual, {.replica_fetch_bytes_max = event - 1}).degraded, "replica.fetch.max.bytes", event - 1);
    expect_named(judge({.message_bytes_max = answers}, {}).degraded, "receive.message.max.bytes",
                 static_cast<std::int64_t>(answers));

    const auto fits =
        judge({.message_bytes_max = event},
              {.message_bytes_max = event, .request_bytes_max = event + frame, .replica_fetch_bytes_max = event});
    EXPECT_TRUE(fits.problems.empty() && fits.degraded.empty());
    EXPECT_EQ(fits.batch_bytes_max, event_wire_bytes_max);
}

TEST(KafkaLimitsTest, ABatchIsWhatEveryBrokerTakes) {
    const KafkaBrokerLimits brokers[] = {{.broker = 1, .message_bytes_max = 900'000},
                                         {.broker = 2, .message_bytes_max = 500'000, .request_bytes_max = 801'024}};
    const auto batch = [&](const KafkaTopicLimits& topic) {
        return judge_kafka_limits("money", topic, brokers, 100'000'000).batch_bytes_max;
    };
    EXPECT_EQ(batch({}), 500'000u) << "by default a topic takes what its brokers take";
    EXPECT_EQ(batch({.message_bytes_max = 700'000, .message_bytes_are_its_own = true}), 700'000u);
    EXPECT_EQ(batch({.message_bytes_max = 5'000'000, .message_bytes_are_its_own = true}), 800'000u);
    EXPECT_GT(judge_kafka_limits("money", {}, {}, 100'000'000).batch_bytes_max, 1'000'000'000u) << "nothing is known";
}

TEST(LogLimiterTest, LetsOneLineOfAKindThroughInEachInterval) {
    LogLimiter limiter;
    SteadyTime now(std::chrono::hours(1));
    EXPECT_EQ(limiter.admit("a", now), 0u);
    EXPECT_EQ(limiter.admit("a", now), std::nullopt);
    EXPECT_EQ(limiter.admit("b", now), 0u);
    now += LogLimiter::interval - milliseconds(1);
    EXPECT_EQ(limiter.admit("a", now), std::nullopt);
    now += milliseconds(1);
    EXPECT_EQ(limiter.admit("a", now), 2u);
    EXPECT_EQ(limiter.admit("a", now + LogLimiter::interval), 0u);
}

TEST(LogLimiterTest, RemembersABoundedNumberOfKinds) {
    LogLimiter limiter;
    for (std::size_t i = 0; i < LogLimiter::kinds_max; ++i) EXPECT_TRUE(limiter.admit(std::to_string(i), {}));
    EXPECT_FALSE(limiter.admit("one more", {}));
}

TEST(KafkaStatisticsTest, TakesTheSlowestBrokerAndAllThatWaits) {
    Metrics metrics("test");
    record_kafka_statistics(R"({"msg_cnt":7,"brokers":{
        "a":{"outbuf_cnt":1,"waitresp_cnt":2,"rtt":{"p99":1500}},
        "b":{"outbuf_cnt":0,"waitresp_cnt":4,"rtt":{"p99":250000}}}})",
                            "worker", metrics);
    const prometheus::Labels worker{{"client", "worker"}};
    EXPECT_DOUBLE_EQ(metrics.kafka_request_latency_seconds.Add(worker).Value(), 0.25);
    EXPECT_DOUBLE_EQ(metrics.kafka_requests_waiting.Add(worker).Value(), 7);
    EXPECT_DOUBLE_EQ(metrics.kafka_messages_queued.Add(worker).Value(), 7);
    record_kafka_statistics("not json", "worker", metrics);
    EXPECT_DOUBLE_EQ(metrics.kafka_messages_queued.Add(worker).Value(), 7);
}

}  // namespace
}  // namespace ledgerline::bus
