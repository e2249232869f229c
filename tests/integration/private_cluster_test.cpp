#include "pg/private_cluster.h"

#include <gtest/gtest.h>

#include "support/test_database.h"

namespace ledgerline {
namespace {

TEST(TestDatabase, IsFreshAndMigrated) {
    const test::TestDatabase first, second;
    first.run("INSERT INTO publishers VALUES ('a', now())");
    EXPECT_EQ(first.value("SELECT count(*) FROM publishers"), "1");
    EXPECT_EQ(second.value("SELECT count(*) FROM publishers"), "0");
    EXPECT_EQ(second.value("SELECT count(*) FROM lane_apply"), "12");
}

TEST(PrivateCluster, ComesBackAfterItsPostmasterWasKilled) {
    test::TestCluster cluster;
    const test::TestDatabase database(cluster);
    database.run("CREATE TABLE kept AS SELECT 1 AS one");
    cluster.kill_postmaster();
    cluster.wait_back();
    EXPECT_EQ(database.value("SELECT one FROM kept"), "1");
}

TEST(PrivateCluster, KeepsItsDataOverStopAndStart) {
    test::TestCluster cluster;
    const test::TestDatabase database(cluster);
    database.run("CREATE TABLE kept AS SELECT 1 AS one");
    cluster.stop();
    cluster.stop();
    cluster.start();
    EXPECT_EQ(database.value("SELECT one FROM kept"), "1");
}

}  // namespace
}  // namespace ledgerline
