#include "bus/memory/bus.h"

#include <thread>

#include "lab/bus_conformance.h"

namespace ledgerline::bus {
namespace {

class MemoryBusUnderTest final : public test::BusUnderTest {
public:
    explicit MemoryBusUnderTest(int partitions) : bus_({.partitions = partitions, .first_offset = 1000}) {}
    std::unique_ptr<Producer> make_producer() override { return bus_.make_producer(); }
    std::unique_ptr<Consumer> make_consumer() override { return bus_.make_consumer(); }

private:
    MemoryBus bus_;
};

using test::BusConformance;
INSTANTIATE_TEST_SUITE_P(Memory, BusConformance,
                         testing::Values(test::BusKind{
                             "Memory",
                             [](int partitions) { return std::make_unique<MemoryBusUnderTest>(partitions); }}),
                         [](const auto& param_info) { return param_info.param.name; });

constexpr milliseconds kNoWait{0};
constexpr milliseconds kLongWait{60'000};

std::vector<Fate> publish(MemoryBus& bus, std::initializer_list<int> partitions, const std::string& value = "value") {
    std::vector<Outgoing> batch;
    for (const int partition : partitions) batch.push_back({partition, {"key", value, {}}});
    return test::publish(*bus.make_producer(), batch, SteadyTime());
}

constexpr Fate kTaken = Fate::delivered, kFull = Fate::full, kBehind = Fate::failed;

TEST(MemoryBus, AFullPartitionRefusesAndHoldsUpNoOther) {
    MemoryBus bus({.partitions = 2, .messages_max = 2});
    EXPECT_THAT(publish(bus, {0, 0, 0, 1, 0, 1}), testing::ElementsAre(kTaken, kTaken, kFull, kTaken, kBehind, kTaken));
}

TEST(MemoryBus, BytesFillAPartitionToo) {
    MemoryBus bus({.partitions = 1, .bytes_max = 300});
    EXPECT_THAT(publish(bus, {0, 0, 0}, std::string(60, 'x')), testing::ElementsAre(kTaken, kTaken, kFull));
}

TEST(MemoryBus, CommittingMakesRoomAndWakesWhoeverWasRefused) {
    Wakeup space_freed;
    MemoryBus bus({.partitions = 1, .messages_max = 2, .space_freed = &space_freed});
    const auto consumer = bus.make_consumer();
    ASSERT_THAT(publish(bus, {0, 0, 0}), testing::ElementsAre(kTaken, kTaken, kFull));
    ASSERT_EQ(consumer->poll(kNoWait, 10)->messages.size(), 2u);
    EXPECT_THAT(publish(bus, {0}), testing::ElementsAre(kFull)) << "handed out is not committed";

    std::thread sleeper([&] { space_freed.wait(kLongWait); });
    consumer->commit(0, 1);
    sleeper.join();
    EXPECT_THAT(publish(bus, {0, 0}), testing::ElementsAre(kTaken, kFull));
}

TEST(MemoryBus, OffsetsBeginWhereItIsTold) {
    MemoryBus bus({.partitions = 1, .first_offset = 42});
    publish(bus, {0, 0});
    const auto polled = bus.make_consumer()->poll(kNoWait, 10);
    EXPECT_EQ(polled->messages[0].offset, 42);
    EXPECT_EQ(polled->messages[1].offset, 43);
}

TEST(MemoryBus, ACommitBeyondWhatWasHandedOutSkipsNothing) {
    MemoryBus bus({.partitions = 1});
    publish(bus, {0, 0, 0});
    const auto consumer = bus.make_consumer();
    ASSERT_EQ(consumer->poll(kNoWait, 1)->messages.size(), 1u);
    consumer->commit(0, 100);
    EXPECT_EQ(consumer->poll(kNoWait, 10)->messages.size(), 2u);
}

TEST(MemoryBus, ACommitAfterThePartitionMovedChangesNothing) {
    MemoryBus bus({.partitions = 2});
    publish(bus, {1});
    const auto old_owner = bus.make_consumer();
    ASSERT_EQ(old_owner->poll(kNoWait, 10)->messages.size(), 1u);
    const auto new_owner = bus.make_consumer();
    old_owner->commit(1, 1);
    const auto polled = new_owner->poll(kNoWait, 10);
    EXPECT_THAT(polled->assigned, testing::ElementsAre(1));
    EXPECT_EQ(polled->messages.size(), 1u);
}

TEST(MemoryBus, APartitionThatWasAwayComesBackAsNewlyAssigned) {
    MemoryBus bus({.partitions = 2});
    const auto staying = bus.make_consumer();
    ASSERT_THAT(staying->poll(kNoWait, 10)->assigned, testing::ElementsAre(0, 1));
    bus.make_consumer().reset();
    const auto polled = staying->poll(kNoWait, 10);
    EXPECT_THAT(polled->revoked, testing::ElementsAre(1));
    EXPECT_THAT(polled->assigned, testing::ElementsAre(1));
}

TEST(MemoryBus, APollIsBoundedInBytesAndTheNextOneGoesOn) {
    MemoryBus bus({.partitions = 2, .poll_bytes_max = 1000});
    const auto consumer = bus.make_consumer();
    for (int i = 0; i < 3; ++i) publish(bus, {0, 1}, std::string(600, 'x'));
    std::size_t received = 0;
    for (const std::size_t expected : {2u, 2u, 2u, 0u}) {
        const auto polled = consumer->poll(kNoWait, 100);
        EXPECT_EQ(polled->messages.size(), expected);
        received += polled->messages.size();
    }
    EXPECT_EQ(received, 6u);
    publish(bus, {0}, std::string(5000, 'x'));
    EXPECT_EQ(consumer->poll(kNoWait, 100)->messages.size(), 1u) << "larger than the limit by itself";
}

TEST(MemoryBus, PublishingWakesAPollThatWaits) {
    MemoryBus bus({.partitions = 1});
    const auto consumer = bus.make_consumer();
    ASSERT_TRUE(consumer->poll(kNoWait, 10));
    std::size_t received = 0;
    std::thread waiting([&] { received = consumer->poll(kLongWait, 10)->messages.size(); });
    publish(bus, {0});
    waiting.join();
    EXPECT_EQ(received, 1u);
}

TEST(MemoryBus, EveryMessageOfManyThreadsArrivesInOrderWhileMembersComeAndGo) {
    constexpr int kPartitions = 4, kRounds = 500;
    MemoryBus bus({.partitions = kPartitions});
    std::vector<std::thread> producers;
    for (int partition = 0; partition < kPartitions; ++partition)
        producers.emplace_back([&bus, partition] {
            for (int i = 0; i < kRounds; ++i) publish(bus, {partition}, std::to_string(i));
        });
    std::thread passer_by([&bus] {
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(bus.make_consumer()->poll(kNoWait, 7));
    });

    const auto consumer = bus.make_consumer();
    std::vector<int> next(kPartitions, 0);  // a message may come again, but none is skipped
    while (std::any_of(next.begin(), next.end(), [](int n) { return n < kRounds; })) {
        const auto polled = consumer->poll(kLongWait, 16);
        ASSERT_TRUE(polled);
        for (const Incoming& incoming : polled->messages) {
            int& expected = next[static_cast<std::size_t>(incoming.partition)];
            const int number = std::stoi(incoming.message.value);
            ASSERT_LE(number, expected);
            if (number == expected) ++expected;
            consumer->commit(incoming.partition, incoming.offset + 1);
        }
    }
    for (std::thread& thread : producers) thread.join();
    passer_by.join();
}

}  // namespace
}  // namespace ledgerline::bus
