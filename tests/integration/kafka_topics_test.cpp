// Topics that are missing, too small, too large, deleted and created again under a running producer and consumer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/kafka_traffic.h"
#include "lab/publishing.h"

namespace ledgerline::test {
namespace {

constexpr int kPartitions = 4;

class KafkaTopicsTest : public testing::Test {
protected:
    KafkaBroker& broker_ = KafkaBroker::shared();
    KafkaTraffic traffic_{broker_, kPartitions};

    void settle(int messages) {
        traffic_.add(messages);
        traffic_.settle();
    }
    bool all_ended() const { return traffic_.ended().size() == kPartitions; }
    void wait_idle() {
        traffic_.rounds_until("all partitions ended", [this] { return all_ended(); });
    }
};

TEST_F(KafkaTopicsTest, CreatesBothTopicsWithAPartitionALane) {
    settle(10);
    EXPECT_EQ(traffic_.rewinds(), 0);
    EXPECT_EQ(broker_.partitions(traffic_.topic()), kPartitions);
    traffic_.rounds_until("the topic of dead letters is there",
                          [this] { return broker_.partitions(traffic_.dead_letter_topic()) == kPartitions; });
}

TEST_F(KafkaTopicsTest, GrowsATopicThatIsTooSmall) {
    broker_.create_topic(traffic_.topic(), 1);
    settle(10);
    EXPECT_EQ(broker_.partitions(traffic_.topic()), kPartitions);
    EXPECT_EQ(traffic_.assigned().size(), kPartitions);
}

TEST_F(KafkaTopicsTest, LeavesATopicWithMorePartitionsAsItIs) {
    broker_.create_topic(traffic_.topic(), kPartitions + 2);
    traffic_.add(10);
    traffic_.settle();
    EXPECT_EQ(traffic_.assigned().size(), kPartitions + 2);
    EXPECT_EQ(broker_.partitions(traffic_.topic()), kPartitions + 2);
}

// By range, the first member would get all partitions that have a lane.
TEST_F(KafkaTopicsTest, PartitionsBeyondTheLanesLeaveNoMemberWithoutLanes) {
    broker_.create_topic(traffic_.topic(), 3 * kPartitions);
    std::vector<std::unique_ptr<bus::Consumer>> members;
    std::map<const bus::Consumer*, std::set<int>> assigned;
    for (int i = 0; i < 2; ++i) members.push_back(traffic_.bus().make_consumer());
    const auto lanes_of = [&](const bus::Consumer& member) {
        return std::ranges::count_if(assigned[&member], [](int partition) { return partition < kPartitions; });
    };
    const auto deadline = std::chrono::steady_clock::now() + KafkaTraffic::patience;
    const auto is_shared = [&] { return lanes_of(*members[0]) == 2 && lanes_of(*members[1]) == 2; };
    while (!is_shared()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline)
            << lanes_of(*members[0]) << " and " << lanes_of(*members[1]);
        for (const auto& member : members) {
            const auto polled = member->poll(milliseconds(20), 10);
            ASSERT_TRUE(polled);
            for (const int partition : polled->revoked) assigned[member.get()].erase(partition);
            for (const int partition : polled->assigned) assigned[member.get()].insert(partition);
        }
    }
}

TEST_F(KafkaTopicsTest, ATopicDeletedUnderLoadComesBackWithNothingLost) {
    settle(50);
    for (int i = 0; i < 3; ++i) {
        traffic_.add(200);
        traffic_.round();
        broker_.delete_topic(traffic_.topic());
        settle(50);
    }
    EXPECT_EQ(broker_.partitions(traffic_.topic()), kPartitions);
}

TEST_F(KafkaTopicsTest, ATopicDeletedWhileIdleCountsAsEmptyAndComesBack) {
    settle(20);
    wait_idle();
    broker_.delete_topic(traffic_.topic());
    traffic_.rounds_until("the topic is back", [this] { return broker_.partitions(traffic_.topic()) == kPartitions; });
    wait_idle();
    EXPECT_EQ(traffic_.assigned().size(), kPartitions);
    settle(1);
}

TEST_F(KafkaTopicsTest, WhatWasPublishedAndNotTakenIsFoundMissingWhenTheTopicIsDeleted) {
    settle(5);
    wait_idle();
    // Acknowledged, and gone before the consumer looks.
    traffic_.publish_only(30);
    broker_.delete_topic(traffic_.topic());
    traffic_.settle();
}

TEST_F(KafkaTopicsTest, ATopicMadeAnewByHandWithOnePartitionIsGrown) {
    settle(40);
    wait_idle();
    broker_.delete_topic(traffic_.topic());
    broker_.create_topic(traffic_.topic(), 1);
    settle(5);  // fewer than before: the position stands beyond the end
    EXPECT_EQ(broker_.partitions(traffic_.topic()), kPartitions);
    settle(100);  // and then more
}

TEST_F(KafkaTopicsTest, ANewTopicThatGrowsPastTheOldPositionHidesNothing) {
    settle(10);
    wait_idle();
    broker_.delete_topic(traffic_.topic());
    settle(300);
    wait_idle();
    settle(1);
}

TEST_F(KafkaTopicsTest, AClientMadeWhileTheTopicIsGoneWorks) {
    settle(10);
    broker_.delete_topic(traffic_.topic());
    traffic_.replace_producer();
    traffic_.replace_consumer();
    settle(10);
}

// A broker may acknowledge records that a young topic does not keep.
TEST(KafkaYoungTopicTest, WhatIsAcknowledgedIsThere) {
    constexpr int kRounds = 10, kMessages = 20;
    const KafkaBroker& broker = KafkaBroker::shared();
    for (int round = 0; round < kRounds; ++round) {
        KafkaTraffic traffic(broker, kPartitions);
        const auto producer = traffic.bus().make_producer();
        std::vector<bus::Outgoing> batch;
        for (int i = 0; i < kMessages * kPartitions; ++i)
            batch.push_back({i % kPartitions, {"key", std::to_string(i), {}}});
        await_no_obstacle(*producer, kPartitions, std::chrono::steady_clock::now() + KafkaTraffic::patience);
        const auto fates = publish(*producer, batch, std::chrono::steady_clock::now() + KafkaTraffic::patience);
        for (int partition = 0; partition < kPartitions; ++partition) {
            std::set<std::string> kept;
            for (const RawRecord& record : broker.read(traffic.topic(), partition)) kept.insert(*record.value);
            for (std::size_t i = 0; i < batch.size(); ++i)
                if (batch[i].partition == partition && fates[i] == bus::Fate::delivered) {
                    EXPECT_TRUE(kept.contains(batch[i].message.value)) << "acknowledged and gone, round " << round;
                }
        }
    }
}

}  // namespace
}  // namespace ledgerline::test
