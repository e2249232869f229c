#include "roles/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "http/server/listener.h"

namespace ledgerline::roles {
namespace {

constexpr std::size_t kTaken = descriptors_reserved + http::Listener::connections_beyond_max;

TEST(Descriptors, ConnectionsAreCutToWhatIsLeft) {
    EXPECT_EQ(connections_below(1'000'000, 4096).value(), 4096u);
    EXPECT_EQ(connections_below(kTaken + 4096, 4096).value(), 4096u);
    EXPECT_EQ(connections_below(1024, 4096).value(), 1024 - kTaken);
    EXPECT_EQ(connections_below(kTaken + 1, 1).value(), 1u);
}

TEST(Descriptors, WithoutRoomForAServerThereIsNone) {
    const auto refused = connections_below(64, 4096);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "too_few_descriptors");
    EXPECT_EQ(refused.error().disposition, Disposition::stop);
}

TEST(Descriptors, TheSoftLimitIsRaisedToTheHardOne) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit low = before;
    low.rlim_cur = std::min<rlim_t>(before.rlim_max, 128);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
    rlimit after{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(after.rlim_cur, before.rlim_max);
    setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace ledgerline::roles
