// Kafka in part: single partitions that are away, brokers that are slow, topics that take too little. On three brokers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/kafka_publisher_fixture.h"
#include "lab/kafka_cluster.h"

namespace ledgerline::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

// Events for one lane that keep the publisher busy for a while.
constexpr int kMany = 8000;

class KafkaClusterTest : public KafkaPublisherTest {
protected:
    KafkaClusterTest() : KafkaPublisherTest(KafkaCluster::shared().addresses()) {}

    KafkaCluster& cluster_ = KafkaCluster::shared();
};

// The lanes that share no broker with it go on, and are read to their ends, as if nothing were the matter.
TEST_F(KafkaClusterTest, APartitionWithoutALeaderStopsItsOwnLaneOnly) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}});
    start_publisher();
    const std::set<int> healthy{0, 1};
    measure({0, 1, 2}, 2000);
    const double before = measure(healthy, kMany);
    cluster_.stop(3);
    cluster_.await_leader(traffic_.topic(), 2, 0);
    accept(2, 100);
    const double during = measure(healthy, kMany);
    std::printf("healthy lanes: %.0f events/s before, %.0f while a partition has no leader, ratio %.2f\n", before,
                during, during / before);
    step_until("it is said what the lane waits for",
               [this] { return database_.tables.lanes.at(2).last_error.contains("has no leader"); });
    const bus::KafkaHealth health = traffic_.bus().health();
    EXPECT_TRUE(health.reachable);
    EXPECT_TRUE(health.problems.empty()) << testing::PrintToString(health.problems);
    EXPECT_THAT(health.degraded, Contains(HasSubstr(fmt::format("partition 2 of topic {}", traffic_.topic()))));
    expect_each_once(healthy);  // the ends of the others are found
    EXPECT_EQ(database_.tables.lanes.at(2).published_seq, 2000);

    cluster_.start(3);
    publish_all({0, 1, 2});
    expect_each_once({0, 1, 2});
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
}

// What is under way when the leader goes arrives when it comes back, once.
TEST_F(KafkaClusterTest, WhatIsUnderWayToAPartitionThatLosesItsLeaderIsNotSentTwice) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}});
    start_publisher();
    measure({0, 1, 2}, 200);
    cluster_.stop(3);
    accept(2, 300);  // before anybody has noticed
    measure({0, 1}, 2000);
    EXPECT_EQ(database_.tables.lanes.at(2).published_seq, 200);
    cluster_.start(3);
    publish_all({0, 1, 2});
    expect_each_once({2});
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
}

TEST_F(KafkaClusterTest, APartitionBelowItsMinimumOfReplicasStopsItsOwnLaneOnly) {
    cluster_.create_topic(traffic_.topic(), {{1, 2}, {2, 1}, {1, 3}}, {{"min.insync.replicas", "2"}});
    start_publisher();
    measure({0, 1, 2}, 200);
    cluster_.stop(3);
    cluster_.await_in_sync(traffic_.topic(), 2, 1);
    accept(2, 100);
    measure({0, 1}, 2000);
    step_until("it is said what the lane waits for",
               [this] { return database_.tables.lanes.at(2).last_error.contains("1 of the 2 replicas in sync"); });
    EXPECT_EQ(database_.tables.lanes.at(2).published_seq, 200);
    cluster_.start(3);
    publish_all({0, 1, 2});
    expect_each_once({0, 1, 2});
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
}

TEST_F(KafkaClusterTest, AFrozenBrokerStopsTheLanesItLeadsOnly) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}});
    start_publisher();
    measure({0, 1, 2}, 200);
    cluster_.freeze(3);
    accept(2, 300);
    measure({0, 1}, 2000);
    step_until("it is said what the lane waits for",
               [this] { return !database_.tables.lanes.at(2).last_error.empty(); });
    EXPECT_EQ(database_.tables.lanes.at(2).published_seq, 200);
    cluster_.thaw(3);
    publish_all({2});
    // The controller may have taken the broker for dead meanwhile, and the partition has no other leader: what the bus
    // refused then was never sent.
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
    expect_each_once({0, 1, 2});
}

// Nothing of lane 1 is acknowledged until the controller takes the frozen follower out of its replicas in sync, after 3
// s. What is under way to the frozen leader of lane 2 is sent to the next one.
TEST_F(KafkaClusterTest, AFrozenReplicaDelaysAcknowledgementsAndNothingIsRepeated) {
    cluster_.create_topic(traffic_.topic(), {{1, 2}, {2, 3}, {3, 2}});
    start_publisher();
    measure({0, 1, 2}, 200);
    cluster_.freeze(3);
    accept({1, 2}, 300);
    measure({0}, 2000);
    publish_all({1});
    cluster_.thaw(3);
    publish_all({2});
    expect_nothing_repeated();
}

// A broker refuses a batch as a whole, so the batches are what the topic takes.
TEST_F(KafkaClusterTest, BatchesFitATopicThatTakesLittleMoreThanAnEvent) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}}, {{"max.message.bytes", "75000"}});
    start_publisher();
    accept(0, 400, 1000);
    accept(0, 1, 60'000);
    publish_all({0});
    EXPECT_EQ(metrics_.publish_errors_total.Value(), 0);
    expect_each_once({0});
    EXPECT_TRUE(traffic_.bus().health().problems.empty());
}

TEST_F(KafkaClusterTest, AnEventThatTheTopicRefusesHaltsItsLaneAndTheTopicIsNamed) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}}, {{"max.message.bytes", "4000"}});
    start_publisher();
    accept(0, 2);
    accept(0, 1, 8000);
    accept(0, 50);
    accept(1, 500);
    step_until("the lane halts", [this] { return metrics_.publisher_lanes_halted.Value() == 1; });
    publish_all({1});
    step_until("the topic is named", [this] { return !traffic_.bus().health().problems.empty(); });
    EXPECT_THAT(traffic_.bus().health().problems, Contains(HasSubstr("max.message.bytes")));
    EXPECT_EQ(database_.tables.lanes.at(0).published_seq, 2);
    EXPECT_THAT(database_.tables.lanes.at(0).last_error, HasSubstr("refuses event 3"));
}

}  // namespace
}  // namespace ledgerline::test
