// Family 3: the broker is killed, away, loses its topic, or everything. The bus holds no truth: nothing is lost.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "domain/legs.h"
#include "faults/fault_test.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 6;
constexpr std::int64_t kSome = 200;
constexpr const char* kTopic = "transactions";
constexpr std::int64_t kLongOutageMs = 30'000;

class BrokerFaults : public FaultTest {
protected:
    void begin() {
        start_stack({.apis = 1, .publishers = 2, .workers = 2});
        start_load({.seed = random().next()}, kClients);
        ASSERT_TRUE(wait_applied(kSome));
    }
    // What was accepted until now is applied, while more is accepted.
    void expect_flow(const std::string& after) {
        const SteadyTime begun = SystemClock().steady_now();
        EXPECT_TRUE(wait_applied_all()) << after;
        const auto taken = std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun);
        note(fmt::format("{}: applied again after {} ms", after, taken.count()));
    }
    void freeze_workers() {
        for (Role* worker : stack().all("worker")) worker->process().freeze();
    }
    void thaw_workers() {
        for (Role* worker : stack().all("worker")) worker->process().thaw();
    }
    // Everything is published, nothing of it is applied, and no lane moves: the workers are away.
    void publish_all_without_workers() {
        ASSERT_TRUE(load().wait_accepted(kSome));
        load().stop();
        ASSERT_TRUE(eventually([&] { return stack().published() == stack().accepted(); }));
        ASSERT_LT(stack().applied(), stack().published());
    }
};

TEST_F(BrokerFaults, KilledAndRestartedUnderLoad) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 8}); ++round) {
        pause(random_between(0, 1500));
        stack().broker().kill();
        pause(random_between(0, 3000));
        // What it has handed to its client is gone with it.
        restart(pick(stack().all("publisher")));
        stack().broker().start();
        expect_flow(fmt::format("round {}: broker killed and restarted", round));
    }
    finish();
}

// The API accepts all the while.
TEST_F(BrokerFaults, DownForHalfAMinute) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 1}); ++round) {
        stack().broker().kill();
        const SteadyTime end = SystemClock().steady_now() + milliseconds(kLongOutageMs);
        while (SystemClock().steady_now() < end) {
            EXPECT_TRUE(load().wait_accepted(kSome));
            pause(1000);
        }
        stack().broker().start();
        expect_flow("broker down for 30 s");
    }
    finish();
}

TEST_F(BrokerFaults, TopicDeletedUnderLoad) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 2, .many = 10}); ++round) {
        pause(random_between(0, 1500));
        stack().broker().delete_topic(kTopic);
        expect_flow(fmt::format("round {}: topic deleted", round));
    }
    finish();
}

// Nothing that happens later would bring these events back: only silence tells that they are gone.
TEST_F(BrokerFaults, TopicDeletedWhileIdle) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 6}); ++round) {
        const bool frozen = round % 2 == 0;
        for (Role* worker : stack().all("worker")) frozen ? worker->process().freeze() : worker->stop();
        publish_all_without_workers();
        stack().broker().delete_topic(kTopic);
        for (Role* worker : stack().all("worker")) frozen ? worker->process().thaw() : worker->start();
        expect_flow(fmt::format("round {}: topic deleted while idle, workers {}", round, frozen ? "frozen" : "away"));
        load().start();
    }
    finish();
}

TEST_F(BrokerFaults, RecreatedByHandWithOnePartition) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 2, .many = 6}); ++round) {
        const bool idle = round % 2 == 0;
        if (idle) freeze_workers();
        if (idle) publish_all_without_workers();
        stack().broker().delete_topic(kTopic);
        // The product may be first.
        if (stack().broker().partitions(kTopic) == 0) stack().broker().create_topic(kTopic, 1);
        if (idle) thaw_workers();
        expect_flow(
            fmt::format("round {}: topic recreated with one partition, {}", round, idle ? "idle" : "under load"));
        if (idle) load().start();
    }
    EXPECT_TRUE(eventually([&] { return stack().broker().partitions(kTopic) == lane_count; }));
    finish();
}

TEST_F(BrokerFaults, WipedWithAnotherClusterId) {
    begin();
    for (int round = 0; round < fault_rounds({.few = 1, .many = 4}); ++round) {
        const bool idle = round % 2 == 0;
        if (idle) freeze_workers();
        if (idle) publish_all_without_workers();
        stack().broker().wipe();
        note_outcomes_lost();
        if (idle) thaw_workers();
        expect_flow(fmt::format("round {}: broker wiped, {}", round, idle ? "idle" : "under load"));
        if (idle) load().start();
    }
    finish();
}

// A young topic acknowledges records that it then does not have.
TEST_F(BrokerFaults, TopicsCreatedUnderLoad) {
    begin();
    const SteadyTime begun = SystemClock().steady_now();
    const int rounds = fault_rounds({.few = 5, .many = 100});
    for (int round = 0; round < rounds; ++round) {
        stack().broker().delete_topic(kTopic);
        EXPECT_TRUE(wait_applied_all()) << "round " << round;
        if (HasFailure()) break;
    }
    const auto taken = std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun);
    note(fmt::format("{} topics in {} ms", rounds, taken.count()));
    finish();
}

}  // namespace
}  // namespace ledgerline::test
