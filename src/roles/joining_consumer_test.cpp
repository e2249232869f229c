#include "roles/joining_consumer.h"

#include <gtest/gtest.h>

#include "bus/memory/bus.h"

namespace ledgerline::roles {
namespace {

constexpr std::size_t kMessagesMax = 10;
constexpr milliseconds kNoWait{0};

TEST(JoiningConsumerTest, HasJoinedOnceItHoldsAPartition) {
    bus::MemoryBus bus({.partitions = 1});
    const ManualClock clock;
    JoiningConsumer consumer(bus.make_consumer(), clock);
    EXPECT_FALSE(consumer.joined());
    ASSERT_TRUE(consumer.poll(kNoWait, kMessagesMax));
    EXPECT_TRUE(consumer.joined());
}

TEST(JoiningConsumerTest, ASpareMemberHasJoinedAfterAWhile) {
    bus::MemoryBus bus({.partitions = 1});
    const auto holder = bus.make_consumer();
    ManualClock clock;
    JoiningConsumer spare(bus.make_consumer(), clock);
    clock.advance(JoiningConsumer::spare_after);
    ASSERT_TRUE(spare.poll(kNoWait, kMessagesMax));
    clock.advance(JoiningConsumer::spare_after - milliseconds(1));
    ASSERT_TRUE(spare.poll(kNoWait, kMessagesMax));
    EXPECT_FALSE(spare.joined());
    clock.advance(milliseconds(1));
    ASSERT_TRUE(spare.poll(kNoWait, kMessagesMax));
    EXPECT_TRUE(spare.joined());
}

// Failed polls do not mean that the group accepted it.
TEST(JoiningConsumerTest, HasNotJoinedWhilePollsFail) {
    struct Away final : bus::Consumer {
        Result<bus::Polled> poll(milliseconds, std::size_t) override { return failure(Disposition::retry, "away", ""); }
        void commit(int, std::int64_t) override {}
    };
    ManualClock clock;
    JoiningConsumer consumer(std::make_unique<Away>(), clock);
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(consumer.poll(kNoWait, kMessagesMax));
        clock.advance(JoiningConsumer::spare_after);
    }
    EXPECT_FALSE(consumer.joined());
}

}  // namespace
}  // namespace ledgerline::roles
