#include "apply/lane.h"

#include <gtest/gtest.h>

namespace ledgerline::apply {
namespace {

Uuid event_id(std::int64_t seq, std::uint8_t variant = 0) {
    Uuid id;
    id.bytes[0] = variant;
    id.bytes[15] = static_cast<std::uint8_t>(seq);
    id.bytes[14] = static_cast<std::uint8_t>(seq >> 8);
    return id;
}

class LaneTest : public testing::Test {
protected:
    Lane::Claim take(std::int64_t seq, std::uint8_t variant = 0) {
        bus::Incoming incoming{"transactions", 3, seq + 100, {}};
        lane.saw(incoming.offset);
        return lane.take({3, seq, event_id(seq, variant), {}, ""}, incoming);
    }

    SeededRandom random{1};
    Lane lane{3, Backoff({}, random)};
};

TEST_F(LaneTest, KeepsTheRunThatContinuesTheCursor) {
    lane.load({.lane = 3, .applied_seq = 10});
    EXPECT_EQ(take(10), Lane::Claim::duplicate);
    EXPECT_EQ(take(11), Lane::Claim::next);
    EXPECT_EQ(take(12), Lane::Claim::next);
    EXPECT_EQ(take(12), Lane::Claim::duplicate);
    EXPECT_EQ(take(12, 1), Lane::Claim::beyond) << "another event claims a kept place: proof decides";
    EXPECT_EQ(take(14), Lane::Claim::beyond);
    ASSERT_EQ(lane.batch_size(), 2u);
    EXPECT_EQ(lane.pending()[1].ref.seq, 12);
}

TEST_F(LaneTest, ReportsAGapOnceForEachPositionAndOnlyAfterTheRunBeforeItIsApplied) {
    take(1);
    lane.note_gap();
    EXPECT_FALSE(lane.rewind_due());
    lane.advance(1);
    EXPECT_TRUE(lane.rewind_due());
    lane.note_gap();
    EXPECT_FALSE(lane.rewind_due());
    take(2);
    lane.advance(1);
    lane.note_gap();
    EXPECT_TRUE(lane.rewind_due());
}

TEST_F(LaneTest, HoldsMessagesUpToSoManyBytesAndOneAtLeast) {
    Lane small(3, Backoff({}, random), 1000);
    const auto take_large = [&](std::int64_t seq, std::size_t bytes) {
        bus::Incoming incoming{"transactions", 3, seq + 100, {"", std::string(bytes, 'x'), {}}};
        return small.take({3, seq, event_id(seq), {}, ""}, incoming);
    };
    EXPECT_EQ(take_large(1, 5000), Lane::Claim::next) << "larger than the limit by itself";
    EXPECT_EQ(take_large(2, 10), Lane::Claim::overflow);
    small.advance(1);
    EXPECT_EQ(take_large(2, 300), Lane::Claim::next);
    EXPECT_EQ(take_large(3, 300), Lane::Claim::next);
    EXPECT_EQ(small.room(), 0u);
    EXPECT_EQ(take_large(4, 900), Lane::Claim::overflow);
    small.cut(1);
    EXPECT_EQ(small.room(), lane_pending_max - 1);
    EXPECT_EQ(take_large(3, 300), Lane::Claim::next) << "what was taken out makes room";
    small.load({.lane = 3, .applied_seq = 3});
    EXPECT_EQ(take_large(4, 500), Lane::Claim::next);
}

TEST_F(LaneTest, ForgetsTheFailuresOfAnEventThatIsDealtWith) {
    lane.load({.lane = 3, .failing_seq = 1, .attempts = 5, .first_failed_at = WallTime()});
    take(1);
    lane.advance(1);
    EXPECT_EQ(lane.state().failing_seq, 0);
    EXPECT_EQ(lane.state().attempts, 0);
    EXPECT_FALSE(lane.state().first_failed_at);
}

TEST_F(LaneTest, DropsWhatAReloadMakesObsolete) {
    for (int seq = 1; seq <= 5; ++seq) take(seq);
    lane.load({.lane = 3, .applied_seq = 3});
    ASSERT_EQ(lane.pending().size(), 2u);
    EXPECT_EQ(lane.pending().front().ref.seq, 4);
    lane.load({.lane = 3, .applied_seq = 1});
    EXPECT_TRUE(lane.pending().empty()) << "a cursor behind the run leaves a gap before it";
}

TEST_F(LaneTest, HalvesAFailingBatchDownToOneEventAndGrowsAgain) {
    for (int seq = 1; seq <= 6; ++seq) take(seq);
    EXPECT_TRUE(lane.narrow());
    EXPECT_EQ(lane.batch_size(), 3u);
    EXPECT_TRUE(lane.narrow());
    EXPECT_EQ(lane.batch_size(), 1u);
    EXPECT_FALSE(lane.narrow());
    lane.widen();
    EXPECT_EQ(lane.batch_size(), 2u);
}

TEST_F(LaneTest, HoldsABoundedRun) {
    for (std::size_t i = 1; i <= lane_pending_max; ++i)
        ASSERT_EQ(take(static_cast<std::int64_t>(i)), Lane::Claim::next);
    EXPECT_EQ(take(lane_pending_max + 1), Lane::Claim::overflow);
    EXPECT_EQ(lane.pending().size(), lane_pending_max);
}

TEST_F(LaneTest, CommitsNoOffsetOfAMessageStillPending) {
    EXPECT_EQ(lane.committable_offset(), std::nullopt);
    take(1);
    take(2);
    EXPECT_EQ(lane.committable_offset(), 101);
    lane.advance(1);
    EXPECT_EQ(lane.committable_offset(), 102);
    lane.advance(1);
    EXPECT_EQ(lane.committable_offset(), 103);
}

}  // namespace
}  // namespace ledgerline::apply
