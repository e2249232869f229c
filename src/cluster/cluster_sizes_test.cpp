#include "cluster/cluster_sizes.h"

#include <gtest/gtest.h>

namespace ledgerline::cluster {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

TEST(ClusterSizes, FollowTheMachineWithinBounds) {
    EXPECT_EQ(sizes_for({4 * kGiB, 32 * kGiB}), (ClusterSizes{256, 8, 2048, 128, 2048}));
    EXPECT_EQ(sizes_for({24 * kGiB, 60 * kGiB}), (ClusterSizes{1536, 16, 12288, 512, 3840}));
    EXPECT_EQ(sizes_for({0, 0}), (ClusterSizes{64, 2, 128, 32, 512})) << "nothing is known";
    EXPECT_EQ(sizes_for({1024 * kGiB, 9000 * kGiB}), (ClusterSizes{2048, 16, 524288, 512, 4096}));
}

TEST(ClusterSizes, OfThisMachineAreKnown) {
    const MachineSizes machine = sizes_of_machine("/");
    EXPECT_GT(machine.memory_bytes, 64 << 20);
    EXPECT_GE(machine.disk_free_bytes, 0);
    EXPECT_EQ(sizes_of_machine("/there is no such directory").disk_free_bytes, 0);
}

}  // namespace
}  // namespace ledgerline::cluster
