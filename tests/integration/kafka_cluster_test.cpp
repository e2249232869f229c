// Kafka in part: single partitions that are away, brokers that are slow, topics that take too little. On three brokers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <thread>

#include "publisher/publisher.h"
#include "support/kafka_cluster.h"
#include "support/kafka_traffic.h"
#include "support/memory_database.h"
#include "support/publishing.h"

namespace ledgerline::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr int kLanes = 3;

// The real publisher on the real bus; the database is in memory.
class KafkaClusterTest : public testing::Test {
protected:
    static SteadyTime patience() { return std::chrono::steady_clock::now() + KafkaTraffic::patience; }

    void start_publisher() {
        producer_ = traffic_.bus().make_producer();
        await_no_obstacle(*producer_, kLanes, patience());
        publisher_.emplace(Publisher::Options{"me"}, *store_, *producer_, clock_, random_, metrics_);
    }

    void accept(int lane, int events, std::size_t metadata_bytes = 100) {
        for (int i = 0; i < events; ++i) {
            Event event;
            event.event_id = ids_.next();
            event.lane = lane;
            event.seq = database_.tables.lanes.at(lane).last_seq + 1;
            event.transaction_id = ids_.next();
            event.amount_cents = 1;
            event.currency = "EUR";
            event.idempotency_key = event.event_id.to_string();
            event.metadata = fmt::format(R"({{"text":"{}"}})", std::string(metadata_bytes, 'x'));
            database_.insert(event);
        }
    }

    bool is_published(int lane) const {
        const MemoryTables::Lane& state = database_.tables.lanes.at(lane);
        return state.published_seq == state.last_seq;
    }

    void step_until(const char* what, const std::function<bool()>& done) {
        const SteadyTime deadline = patience();
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "never happened: " << what;
            const auto idle = publisher_->step();
            ASSERT_TRUE(idle) << idle.error().message;
            std::this_thread::sleep_for(std::min(*idle, milliseconds(20)));
        }
    }
    void publish_all(const std::set<int>& lanes) {
        step_until("everything is published",
                   [&] { return std::ranges::all_of(lanes, [this](int lane) { return is_published(lane); }); });
    }

    // Events a second that the lanes publish.
    double measure(const std::set<int>& lanes, int events) {
        for (const int lane : lanes) accept(lane, events);
        const SteadyTime begun = std::chrono::steady_clock::now();
        publish_all(lanes);
        return static_cast<double>(events) * static_cast<double>(lanes.size()) /
               std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    }

    // Each event lies in its partition exactly once, in order.
    void expect_each_once(int lane) {
        std::int64_t seq = 0;
        for (const Incoming& incoming : read_all(lane)) EXPECT_EQ(std::stoll(*incoming.message.header("seq")), ++seq);
        EXPECT_EQ(seq, database_.tables.lanes.at(lane).last_seq);
    }
    std::vector<Incoming> read_all(int lane) {
        const auto consumer = traffic_.bus().make_consumer();
        std::vector<Incoming> all;
        const SteadyTime deadline = patience();
        for (bool ended = false; !ended && std::chrono::steady_clock::now() < deadline;) {
            const auto polled = consumer->poll(milliseconds(100), 1000);
            EXPECT_TRUE(polled);
            for (const Incoming& incoming : polled->messages)
                if (incoming.partition == lane) all.push_back(incoming);
            ended = std::ranges::count(polled->ended, lane) > 0;
        }
        return all;
    }

    KafkaCluster& cluster_ = KafkaCluster::shared();
    KafkaTraffic traffic_{cluster_.addresses(), kLanes};
    SystemClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    MemoryDatabase database_{clock_, kLanes};
    std::unique_ptr<OutboxStore> store_ = database_.make_outbox_store();
    Metrics metrics_{"test"};
    std::unique_ptr<Producer> producer_;
    std::optional<Publisher> publisher_;
};

// The lanes that share no broker with it go on, and are read to their ends, as if nothing were the matter.
TEST_F(KafkaClusterTest, APartitionWithoutALeaderStopsItsOwnLaneOnly) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}});
    start_publisher();
    const std::set<int> healthy{0, 1};
    measure({0, 1, 2}, 2000);
    const double before = measure(healthy, 20'000);
    cluster_.stop(3);
    cluster_.await_leader(traffic_.topic(), 2, 0);
    accept(2, 100);
    const double during = measure(healthy, 20'000);
    std::printf("healthy lanes: %.0f events/s before, %.0f while a partition has no leader, ratio %.2f\n", before,
                during, during / before);
    step_until("it is said what the lane waits for",
               [this] { return database_.tables.lanes.at(2).last_error.contains("has no leader"); });
    const KafkaHealth health = traffic_.bus().health();
    EXPECT_TRUE(health.reachable);
    EXPECT_TRUE(health.problems.empty()) << testing::PrintToString(health.problems);
    EXPECT_THAT(health.degraded, Contains(HasSubstr(fmt::format("partition 2 of topic {}", traffic_.topic()))));
    EXPECT_EQ(read_all(0).size(), 42'000u) << "the ends of the others are found";
    EXPECT_EQ(database_.tables.lanes.at(2).published_seq, 2000);

    cluster_.start(3);
    publish_all({0, 1, 2});
    for (int lane = 0; lane < kLanes; ++lane) expect_each_once(lane);
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
    expect_each_once(2);
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
    for (int lane = 0; lane < kLanes; ++lane) expect_each_once(lane);
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
}

TEST_F(KafkaClusterTest, AQuotaSlowsThePublisherDownAndRepeatsNothing) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}});
    start_publisher();
    cluster_.limit_producers(40'000);
    for (int lane = 0; lane < kLanes; ++lane) accept(lane, 600);  // some 400 kB each
    publish_all({0, 1, 2});
    cluster_.limit_producers(0);
    for (int lane = 0; lane < kLanes; ++lane) expect_each_once(lane);
    EXPECT_EQ(traffic_.metrics().kafka_producer_resets_total.Value(), 0);
    EXPECT_EQ(metrics_.publish_errors_total.Value(), 0);
}

// A broker refuses a batch as a whole, so the batches are what the topic takes.
TEST_F(KafkaClusterTest, BatchesFitATopicThatTakesLittleMoreThanAnEvent) {
    cluster_.create_topic(traffic_.topic(), {{1}, {2}, {3}}, {{"max.message.bytes", "75000"}});
    start_publisher();
    accept(0, 400, 1000);
    accept(0, 1, 60'000);
    publish_all({0});
    EXPECT_EQ(metrics_.publish_errors_total.Value(), 0);
    expect_each_once(0);
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
