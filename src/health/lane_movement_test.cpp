#include "health/lane_movement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ledgerline::health {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LaneMovementTest : public testing::Test {
protected:
    LaneMovement::Seen after(milliseconds passed, std::vector<LanePosition> positions) {
        now_ += passed;
        return movement_.note(positions, now_);
    }

    SteadyTime now_{};
    LaneMovement movement_;
};

constexpr milliseconds kStill = LaneMovement::still_max;

TEST_F(LaneMovementTest, ALaneWithNothingToDoMayStandForEver) {
    after({}, {{3, 7, 7, 7}});
    const auto seen = after(10 * kStill, {{3, 7, 7, 7}});
    EXPECT_THAT(seen.publish.stuck, IsEmpty());
    EXPECT_THAT(seen.apply.stuck, IsEmpty());
    EXPECT_FALSE(seen.apply.any_moves);
}

TEST_F(LaneMovementTest, AnAnnouncedEventThatIsNotAppliedInTimeIsStuck) {
    after({}, {{3, 9, 9, 7}});
    EXPECT_THAT(after(kStill - milliseconds(1), {{3, 9, 9, 7}}).apply.stuck, IsEmpty());
    const auto seen = after(milliseconds(1), {{3, 9, 9, 7}});
    EXPECT_THAT(seen.apply.stuck, ElementsAre("lane 3: event 8 was published and has not been applied for 30 s"));
    EXPECT_THAT(seen.publish.stuck, IsEmpty());
    EXPECT_THAT(after(milliseconds(1), {{3, 9, 9, 8}}).apply.stuck, IsEmpty());
}

TEST_F(LaneMovementTest, AnEventThatIsNotAnnouncedInTimeIsStuck) {
    after({}, {{0, 9, 7, 7}});
    const auto seen = after(kStill, {{0, 9, 7, 7}});
    EXPECT_THAT(seen.publish.stuck, ElementsAre("lane 0: event 8 has not been published for 30 s"));
    EXPECT_THAT(seen.apply.stuck, IsEmpty());
}

// The time counts from when work appeared, not from the last event.
TEST_F(LaneMovementTest, NewWorkAfterALongSilenceHasTheWholeTime) {
    after({}, {{0, 7, 7, 7}});
    after(10 * kStill, {{0, 7, 7, 7}});
    EXPECT_THAT(after(milliseconds(1), {{0, 8, 8, 7}}).apply.stuck, IsEmpty());
    EXPECT_THAT(after(kStill - milliseconds(2), {{0, 8, 8, 7}}).apply.stuck, IsEmpty());
    EXPECT_THAT(after(milliseconds(2), {{0, 8, 8, 7}}).apply.stuck, testing::SizeIs(1));
}

TEST_F(LaneMovementTest, AHaltedLaneIsStuckAtOnce) {
    const auto seen = after({}, {{5, 9, 9, 7, "", "no space"}, {6, 9, 8, 8, "too large", ""}});
    EXPECT_THAT(seen.apply.stuck,
                ElementsAre("lane 5: event 8 was published and has not been applied: halted: no space"));
    EXPECT_THAT(seen.publish.stuck, ElementsAre("lane 6: event 9 has not been published: halted: too large"));
}

TEST_F(LaneMovementTest, TellsOneStuckLaneFromAStageThatDoesNothing) {
    after({}, {{0, 9, 9, 7}, {1, 9, 9, 5}});
    EXPECT_TRUE(after(kStill, {{0, 9, 9, 7}, {1, 9, 9, 6}}).apply.any_moves);
    const auto seen = after(kStill, {{0, 9, 9, 7}, {1, 9, 9, 6}});
    EXPECT_THAT(seen.apply.stuck, testing::SizeIs(2));
    EXPECT_FALSE(seen.apply.any_moves);
}

}  // namespace
}  // namespace ledgerline::health
