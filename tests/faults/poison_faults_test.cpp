// Family 7: poison at the head, in the middle and at the tail of a batch, as a row that cannot be applied and as bytes
// on the topic. The guilty ones alone become dead letters.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "faults/fault_test.h"
#include "faults/stale_producer.h"

namespace ledgerline::test {
namespace {

constexpr int kClients = 4;
constexpr const char* kTopic = "transactions";
constexpr std::int64_t kAmountCents = 100;
constexpr int kBatch = 60;  // well below what one transaction of the worker takes

class PoisonFaults : public FaultTest {
protected:
    void begin(int poisoned_percent) {
        start_stack({.apis = 1, .publishers = 1, .workers = 1});
        poison_keys(stack());
        start_load({.seed = random().next(), .poisoned_percent = poisoned_percent}, kClients);
        ASSERT_TRUE(load().wait_accepted(100));
    }
    Role& worker() { return *stack().all("worker").front(); }
    int lane_of(const std::string& account) {
        return std::stoi(stack().value(fmt::format("SELECT lane FROM accounts WHERE id = '{}'", account)));
    }
    bool wait_published() {
        return eventually([&] { return stack().published() == stack().accepted(); });
    }
};

// The worker finds the whole batch waiting, with poison at those places and nowhere else.
TEST_F(PoisonFaults, BrokenRowsInABatch) {
    begin(0);
    load().stop();
    ASSERT_TRUE(wait_applied_all());
    const std::vector<std::vector<int>> places = {
        {0}, {kBatch / 2}, {kBatch - 1}, {0, kBatch / 2, kBatch - 1}, {0, 1, 2, 3}, {kBatch - 2, kBatch - 1}};
    for (int round = 0; round < fault_rounds({.few = 1, .many = 3}); ++round) {
        for (const std::vector<int>& poisoned : places) {
            worker().stop();
            Client& client = load().client(0);
            for (int i = 0; i < kBatch; ++i)
                client.post(client.own_account(), kAmountCents, i % 3 != 1, std::ranges::count(poisoned, i) > 0);
            ASSERT_TRUE(wait_published());
            worker().start();
            ASSERT_TRUE(wait_applied_all());
        }
    }
    finish();
}

// Bytes before, between and behind what the publisher writes, while the worker is away.
TEST_F(PoisonFaults, BytesOnTheTopic) {
    begin(0);
    load().stop();
    ASSERT_TRUE(wait_applied_all());
    Injected injected;
    Client& client = load().client(0);
    const int lane = lane_of(client.own_account());
    for (int round = 0; round < fault_rounds({.few = 1, .many = 6}); ++round) {
        worker().stop();
        for (int part = 0; part < 3; ++part) {
            std::vector<StaleProducer::Record> records;
            for (int i = 0; i < 5; ++i) {
                const std::string bytes = fmt::format("\x01\xff poison {} {} {} {}", round, part, i, random().next());
                injected.foreign.push_back(bytes);
                records.push_back({lane, {.key = {}, .value = bytes, .headers = {}, .offset = 0}});
            }
            StaleProducer(stack().broker().address()).write(kTopic, records);
            if (part == 2) break;
            for (int i = 0; i < kBatch / 2; ++i) client.post(client.own_account(), kAmountCents, i % 2 == 0);
            ASSERT_TRUE(wait_published());
        }
        worker().start();
        ASSERT_TRUE(wait_applied_all());
    }
    finish(injected);
}

TEST_F(PoisonFaults, EverywhereUnderLoad) {
    begin(3);
    for (int round = 0; round < fault_rounds({.few = 2, .many = 10}); ++round) {
        pause(random_between(0, 1000));
        restart(worker());
        EXPECT_TRUE(load().wait_accepted(200));
    }
    finish();
}

}  // namespace
}  // namespace ledgerline::test
