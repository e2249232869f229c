// What goes over the wire, read and written by a plain client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/kafka_traffic.h"
#include "lab/publishing.h"

namespace ledgerline::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr int kPartitions = 3;

Event event() {
    Event event;
    event.event_id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ab");
    event.transaction_id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ac");
    event.account_id = *Uuid::parse("0190a6e2-7b1c-7def-8abc-0123456789ad");
    event.lane = 2;
    event.seq = 17;
    event.occurred_at = WallTime(std::chrono::seconds(1'700'000'000));
    event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    event.amount_cents = 1050;
    event.currency = "EUR";
    event.idempotency_key = "key";
    return event;
}

SteadyTime patience() { return std::chrono::steady_clock::now() + KafkaTraffic::patience; }

class KafkaWireTest : public testing::Test {
protected:
    KafkaBroker& broker_ = KafkaBroker::shared();
    KafkaTraffic traffic_{broker_, kPartitions};

    void publish(bus::Producer& producer, const bus::Outgoing& outgoing) {
        await_no_obstacle(producer, kPartitions, patience());
        ASSERT_EQ(test::publish(producer, std::span(&outgoing, 1), patience()), all_delivered(1));
    }

    std::vector<bus::Incoming> take(std::size_t count) {
        const auto consumer = traffic_.bus().make_consumer();
        std::vector<bus::Incoming> taken;
        const SteadyTime deadline = patience();
        while (taken.size() < count && std::chrono::steady_clock::now() < deadline) {
            auto polled = consumer->poll(milliseconds(100), 100);
            EXPECT_TRUE(polled);
            for (bus::Incoming& incoming : polled->messages) taken.push_back(std::move(incoming));
        }
        return taken;
    }
};

TEST_F(KafkaWireTest, AnEventIsARecordInItsLanesPartitionWithCloudEventsHeaders) {
    const auto producer = traffic_.bus().make_producer();
    const Message message = encode(event());
    publish(*producer, {event().lane, message});
    for (const int other : {0, 1}) EXPECT_THAT(broker_.read(traffic_.topic(), other), IsEmpty());
    const auto records = broker_.read(traffic_.topic(), event().lane);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].key, "0190a6e2-7b1c-7def-8abc-0123456789ad");
    EXPECT_EQ(records[0].value, message.value);
    EXPECT_THAT(records[0].headers,
                ElementsAre(Pair("ce_specversion", "1.0"), Pair("ce_id", "0190a6e2-7b1c-7def-8abc-0123456789ab"),
                            Pair("ce_type", "transaction.created"), Pair("ce_source", "ledgerline/lanes/2"),
                            Pair("ce_time", "2023-11-14T22:13:20.000000Z"), Pair("content-type", "application/json"),
                            Pair("lane", "2"), Pair("seq", "17"),
                            Pair("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")));
    const auto taken = take(1);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].topic, traffic_.topic());
    EXPECT_EQ(taken[0].offset, 0);
    EXPECT_EQ(decode(taken[0].message)->event_id, event().event_id);
}

TEST_F(KafkaWireTest, DeliversWhatStrangersSend) {
    broker_.create_topic(traffic_.topic(), kPartitions);
    broker_.write(traffic_.topic(), 1, {std::nullopt, std::nullopt, {}, 0});  // a tombstone without a key
    broker_.write(traffic_.topic(), 1, {"", "", {}, 0});
    broker_.write(traffic_.topic(), 1, {"key", std::string("\x00\xff\xfe", 3), {}, 0});
    broker_.write(traffic_.topic(), 1, {"key", std::string(300'000, 'x'), {}, 0});
    broker_.write(traffic_.topic(), 1, {"key", "{}", {{"lane", ""}, {"", "x"}, {"seq", ""}}, 0, true});
    RawRecord crowded{"key", "{}", {}, 0};
    for (int i = 0; i < 20'000; ++i) crowded.headers.emplace_back("\xff\xfe", std::string(20, '\0'));
    broker_.write(traffic_.topic(), 1, crowded);
    const auto taken = take(6);
    ASSERT_EQ(taken.size(), 6u);
    EXPECT_THAT(taken[4].message.headers, ElementsAre(Pair("lane", ""), Pair("", "x"), Pair("seq", "")));
    EXPECT_EQ(taken[5].message.headers.size(), 20'000u);
    EXPECT_EQ(taken[0].message.key, "");
    EXPECT_EQ(taken[0].message.value, "");
    EXPECT_EQ(taken[1].message.value, "");
    EXPECT_EQ(taken[2].message.value, std::string("\x00\xff\xfe", 3));
    EXPECT_EQ(taken[3].message.value.size(), 300'000u);
    for (const bus::Incoming& incoming : taken) EXPECT_FALSE(decode(incoming.message));
}

TEST_F(KafkaWireTest, ADeadLetterGoesToItsPartitionModuloThoseOfTheTopic) {
    broker_.create_topic(traffic_.dead_letter_topic(), 2);
    const auto producer = traffic_.bus().make_dead_letter_producer();
    publish(*producer, {7, {"key", "letter", {{"dlq-id", "1"}}}});
    EXPECT_THAT(broker_.read(traffic_.dead_letter_topic(), 0), IsEmpty());
    const auto records = broker_.read(traffic_.dead_letter_topic(), 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].value, "letter");
    EXPECT_THAT(records[0].headers, ElementsAre(Pair("dlq-id", "1")));
}

TEST_F(KafkaWireTest, AMessageThatTheBrokerDoesNotTakeFailsAloneAndTheNextPublishWorks) {
    const auto producer = traffic_.bus().make_producer();
    const std::vector<bus::Outgoing> batch{
        {0, {"key", "first", {}}}, {1, {"key", std::string(3 << 20, 'x'), {}}}, {2, {"key", "last", {}}}};
    await_no_obstacle(*producer, kPartitions, patience());
    EXPECT_THAT(test::publish(*producer, batch, patience()),
                ElementsAre(bus::Fate::delivered, bus::Fate::refused, bus::Fate::delivered));
    publish(*producer, {1, {"key", "next", {}}});
    ASSERT_EQ(broker_.read(traffic_.topic(), 1).size(), 1u);
}

}  // namespace
}  // namespace ledgerline::test
