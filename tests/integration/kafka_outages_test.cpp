// A broker that dies, freezes, comes back, or comes back empty.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "lab/kafka_traffic.h"
#include "lab/publishing.h"

namespace ledgerline::test {
namespace {

constexpr int kPartitions = 4;

class KafkaOutagesTest : public testing::Test {
protected:
    KafkaBroker& broker_ = KafkaBroker::shared();
    KafkaTraffic traffic_{broker_, kPartitions};

    void SetUp() override { settle(20); }

    void settle(int messages) {
        traffic_.add(messages);
        traffic_.settle();
    }
    void wait_reachable(bool reachable) {
        traffic_.rounds_until("reachable changes", [&] { return traffic_.bus().reachable() == reachable; });
    }
};

TEST_F(KafkaOutagesTest, ABrokerKilledAndStartedAgainHasLostNothing) {
    traffic_.add(500);
    traffic_.round();
    broker_.kill();
    traffic_.add(500);
    wait_reachable(false);
    broker_.start();
    settle(50);
    EXPECT_EQ(traffic_.rewinds(), 0);
}

// What is under way while the broker is away arrives once it is back, without being sent again.
TEST_F(KafkaOutagesTest, WhatIsSentWhileTheBrokerIsAwayIsAcknowledgedWhenItIsBack) {
    const auto producer = traffic_.bus().make_producer();
    const std::vector<bus::Outgoing> first{{0, {"key", "first", {}}}}, second{{0, {"key", "second", {}}}};
    ASSERT_EQ(publish(*producer, first, std::chrono::steady_clock::now() + KafkaTraffic::patience), all_delivered(1));
    broker_.kill();  // one that stops says first that its partitions have no leader, and nothing more is sent to them
    const std::uint64_t number = producer->send(second);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(producer->collect(std::chrono::steady_clock::now() + milliseconds(300)).empty());
    wait_reachable(false);
    EXPECT_THAT(producer->obstacle(0), testing::HasSubstr("does not answer"));
    EXPECT_FALSE(traffic_.bus().health().reachable);
    EXPECT_FALSE(traffic_.bus().health().problems.empty());
    broker_.start();
    std::vector<bus::Report> reports;
    const auto deadline = std::chrono::steady_clock::now() + KafkaTraffic::patience;
    while (reports.empty() && std::chrono::steady_clock::now() < deadline) reports = producer->collect(deadline);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports.front().number, number);
    EXPECT_EQ(reports.front().fate, bus::Fate::delivered) << reports.front().reason;
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
}

TEST_F(KafkaOutagesTest, NothingEndsWhileTheBrokerIsAway) {
    const auto producer = traffic_.bus().make_producer();
    broker_.stop();
    wait_reachable(false);
    for (int partition = 0; partition < kPartitions; ++partition)
        EXPECT_THAT(producer->obstacle(partition), testing::HasSubstr("does not answer"));
    for (int i = 0; i < 5; ++i) {
        traffic_.round();
        EXPECT_TRUE(traffic_.ended().empty());
    }
    broker_.start();
    settle(10);
    EXPECT_EQ(traffic_.rewinds(), 0);
}

TEST_F(KafkaOutagesTest, ABrokerFrozenBeyondTheSessionLosesNothing) {
    broker_.pause();
    traffic_.add(50);
    traffic_.rounds_until("the session ends", [this] { return traffic_.assigned().empty(); });
    broker_.resume();
    settle(10);
    EXPECT_EQ(traffic_.rewinds(), 0);
}

TEST_F(KafkaOutagesTest, ClientsAreLetGoWhileTheBrokerIsFrozen) {
    broker_.pause();
    traffic_.replace_consumer();
    traffic_.replace_producer();
    broker_.resume();
    settle(10);
}

TEST_F(KafkaOutagesTest, ABrokerThatComesBackEmptyGetsTheTopicAgain) {
    traffic_.add(100);
    traffic_.round();
    broker_.wipe();
    settle(50);
    EXPECT_EQ(broker_.partitions(traffic_.topic()), kPartitions);
}

}  // namespace
}  // namespace ledgerline::test
