#include "roles/watchdog.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace ledgerline::roles {
namespace {

constexpr int kLooksPerLimit = 4;

class WatchdogTest : public testing::Test {
protected:
    void look(int times) {
        for (int i = 0; i < times; ++i) watchdog_.look();
    }

    std::vector<Error> stalls_;
    Metrics metrics_{"test"};
    Watchdog watchdog_{kLooksPerLimit * Watchdog::look_interval,
                       [this](const Error& error) { stalls_.push_back(error); }, metrics_};
};

// A step that lasts until it is released.
struct SlowStep {
    std::promise<void> begun, go_on;
    Result<milliseconds> operator()() {
        begun.set_value();
        go_on.get_future().wait();
        return milliseconds(7);
    }
};

TEST_F(WatchdogTest, PassesTheStepsResultOn) {
    EXPECT_EQ(watchdog_.watch("loop", [] { return Result<milliseconds>(milliseconds(7)); })(), milliseconds(7));
    const auto failed =
        watchdog_.watch("loop", [] { return Result<milliseconds>(failure(Disposition::stop, "x", "")); })();
    EXPECT_EQ(failed.error().code, "x");
}

TEST_F(WatchdogTest, NoticesAStepThatDoesNotComeBack) {
    SlowStep slow;
    const auto quick = watchdog_.watch("quick", [] { return Result<milliseconds>(milliseconds(0)); });
    const auto step = watchdog_.watch("slow", [&slow] { return slow(); });
    std::jthread thread([&step] { static_cast<void>(step()); });
    slow.begun.get_future().wait();
    look(kLooksPerLimit);  // the first look only learns that a step is running
    EXPECT_TRUE(watchdog_.alive());
    look(kLooksPerLimit);
    slow.go_on.set_value();
    EXPECT_FALSE(watchdog_.alive());
    ASSERT_EQ(stalls_.size(), 1u);
    EXPECT_EQ(stalls_.front().disposition, Disposition::retry);
    EXPECT_EQ(stalls_.front().message, "the slow loop hangs: one step took more than 2000 ms");
}

TEST_F(WatchdogTest, ALoopThatSleepsOrGoesOnIsAlive) {
    const auto step = watchdog_.watch("loop", [] { return Result<milliseconds>(milliseconds(0)); });
    for (int i = 0; i < 3 * kLooksPerLimit; ++i) {
        if (i % 2 == 0) static_cast<void>(step());
        look(1);
    }
    look(3 * kLooksPerLimit);
    EXPECT_TRUE(watchdog_.alive());
    EXPECT_TRUE(stalls_.empty());
}

// Long steps, one after another: each has the whole limit.
TEST_F(WatchdogTest, CountsEachStepByItself) {
    for (int i = 0; i < 3; ++i) {
        SlowStep slow;
        const auto step = watchdog_.watch("slow", [&slow] { return slow(); });
        std::jthread thread([&step] { static_cast<void>(step()); });
        slow.begun.get_future().wait();
        look(kLooksPerLimit);
        slow.go_on.set_value();
    }
    EXPECT_TRUE(watchdog_.alive());
}

}  // namespace
}  // namespace ledgerline::roles
