// A broker that dies, freezes, comes back, or comes back empty.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/kafka_traffic.h"

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

TEST_F(KafkaOutagesTest, APublishReturnsAtItsDeadlineWhileTheBrokerIsAway) {
    const auto producer = traffic_.bus().make_producer();
    const std::vector<Outgoing> batch{{0, {"key", "value", {}}}};
    broker_.stop();
    for (int i = 0; i < 3; ++i) {
        const auto delivered = producer->publish(batch, std::chrono::steady_clock::now() + milliseconds(300));
        if (delivered) {
            EXPECT_EQ(*delivered, std::vector<bool>{false});
        } else {
            EXPECT_EQ(delivered.error().disposition, Disposition::retry);
        }
    }
    wait_reachable(false);
    const auto refused = producer->publish(batch, std::chrono::steady_clock::now() + milliseconds(300));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "kafka_unreachable");
    broker_.start();
    wait_reachable(true);
    const auto delivered = producer->publish(batch, std::chrono::steady_clock::now() + KafkaTraffic::patience);
    ASSERT_TRUE(delivered) << delivered.error().message;
    EXPECT_EQ(*delivered, std::vector<bool>{true});
}

TEST_F(KafkaOutagesTest, NothingEndsWhileTheBrokerIsAway) {
    broker_.stop();
    wait_reachable(false);
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
