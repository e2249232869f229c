#include "cli/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace ledgerline::cli {
namespace {

const std::vector<std::string> kCommands = {"accounts", "import", "migrate", "verify", "dlq", "database-url"};

TEST(Suggest, CountsEdits) {
    EXPECT_EQ(edit_distance("", ""), 0u);
    EXPECT_EQ(edit_distance("abc", ""), 3u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(edit_distance("verfiy", "verify"), 1u) << "a swap of neighbours is one edit";
    EXPECT_EQ(edit_distance("ca", "abc"), 3u) << "a swapped stretch is not edited again";
}

TEST(Suggest, FindsWhatWasMeant) {
    EXPECT_EQ(closest("imprt", kCommands), "import");
    EXPECT_EQ(closest("acounst", kCommands), "accounts");
    EXPECT_EQ(closest("dql", kCommands), "dlq");
    EXPECT_EQ(closest("data", kCommands), "database-url") << "the only one that it begins";
}

TEST(Suggest, KeepsQuietWhenNothingIsNear) {
    EXPECT_EQ(closest("frobnicate", kCommands), std::nullopt);
    EXPECT_EQ(closest("", kCommands), std::nullopt);
    const std::vector<std::string> similar = {"account", "accounts-all"};
    EXPECT_EQ(closest("acc", similar), std::nullopt) << "two begin with it";
}

}  // namespace
}  // namespace ledgerline::cli
