#include "roles/exit_deadline.h"

#include <gtest/gtest.h>

#include <future>

namespace ledgerline::roles {
namespace {

TEST(ExitDeadlineTest, EndsAProcessThatHangs) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            ExitDeadline deadline;
            deadline.arm(milliseconds(1));
            std::promise<void>().get_future().wait();
        },
        testing::ExitedWithCode(3), "the shutdown hangs");
}

TEST(ExitDeadlineTest, IsDisarmedByItsEnd) {
    {
        const ExitDeadline never_armed;
    }
    ExitDeadline deadline;
    deadline.arm(std::chrono::hours(1));
}

}  // namespace
}  // namespace ledgerline::roles
