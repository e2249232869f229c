#include "db/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "db/connection.h"
#include "lab/test_database.h"
#include "sql/migrations.h"
#include "sql/queries.h"

namespace ledgerline::db {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Migration kFirst{1, "0001_first", 1, "CREATE TABLE first (n int)"};
constexpr Migration kSecond{2, "0002_second", 1, "CREATE TABLE second (n int); INSERT INTO second VALUES (2)"};
constexpr Migration kThird{3, "0003_third", 3, "DROP TABLE first"};

class MigrationsTest : public testing::Test {
protected:
    // What the template has is not wanted here.
    MigrationsTest() { database_.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); }

    std::string up(const std::vector<Migration>& migrations, std::vector<int>* levels = nullptr) {
        auto connection = database_.connect();
        const auto applied = migrate_up(connection, migrations, milliseconds(20000));
        if (applied && levels) *levels = *applied;
        return applied ? "" : applied.error().code;
    }
    std::string check(const std::vector<Migration>& migrations) {
        auto connection = database_.connect();
        const auto checked = check_schema(connection, migrations);
        return checked ? "" : checked.error().code;
    }

    test::TestDatabase database_;
};

TEST_F(MigrationsTest, AppliesWhatIsMissingOnce) {
    std::vector<int> levels;
    EXPECT_EQ(up({kFirst}, &levels), "");
    EXPECT_THAT(levels, ElementsAre(1));
    EXPECT_EQ(up({kFirst, kSecond}, &levels), "");
    EXPECT_THAT(levels, ElementsAre(2));
    EXPECT_EQ(up({kFirst, kSecond}, &levels), "");
    EXPECT_THAT(levels, IsEmpty());
    EXPECT_EQ(database_.value("SELECT n FROM second"), "2");
}

TEST_F(MigrationsTest, RefusesAChangedTextBeforeItChangesAnything) {
    ASSERT_EQ(up({kSecond}), "");
    Migration changed = kSecond;
    changed.sql = "CREATE TABLE second (n bigint)";
    EXPECT_EQ(up({kFirst, changed}), "migration_changed");
    EXPECT_EQ(database_.value("SELECT to_regclass('first') IS NULL"), "t");
}

TEST_F(MigrationsTest, LeavesNothingOfAMigrationThatFails) {
    const Migration broken{2, "0002_broken", 1, "CREATE TABLE half (n int); SELECT 1 / 0"};
    auto connection = database_.connect();
    const auto applied = migrate_up(connection, std::vector{kFirst, broken});
    ASSERT_FALSE(applied);
    EXPECT_THAT(applied.error().message, HasSubstr("0002_broken"));
    EXPECT_EQ(database_.value("SELECT to_regclass('half') IS NULL"), "t");
    // The lock is free again, and the first one stays.
    std::vector<int> levels;
    EXPECT_EQ(up({kFirst, kSecond}, &levels), "");
    EXPECT_THAT(levels, ElementsAre(2));
}

TEST_F(MigrationsTest, TakesLongerThanOtherStatementsMay) {
    auto config = database_.config();
    config.statement_timeout = milliseconds(100);
    auto connection = Connection::open(config).value();
    const Migration slow{1, "0001_slow", 1, "SELECT pg_sleep(0.3)"};
    EXPECT_TRUE(migrate_up(connection, std::vector{slow}));
}

TEST_F(MigrationsTest, TwoMigratorsApplyEachMigrationOnce) {
    std::vector<int> levels[2];
    std::latch both{2};
    {
        std::vector<std::jthread> migrators;
        for (auto& applied : levels)
            migrators.emplace_back([&] {
                both.arrive_and_wait();
                EXPECT_EQ(up({kFirst, kSecond}, &applied), "");
            });
    }
    EXPECT_EQ(levels[0].size() + levels[1].size(), 2u);
    EXPECT_EQ(database_.value("SELECT count(*) FROM second"), "1");
}

TEST_F(MigrationsTest, DoesNotWaitForAnotherMigratorForEver) {
    auto holder = database_.connect();
    ASSERT_TRUE(holder.query(sql::DbMigrationsTryLock{}));
    auto connection = database_.connect();
    const auto applied = migrate_up(connection, std::vector{kFirst}, milliseconds(0));
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, "migration_running");
    EXPECT_EQ(applied.error().disposition, Disposition::retry);
}

TEST_F(MigrationsTest, ShowsWhatIsAppliedMissingAndUnknown) {
    auto connection = database_.connect();
    auto statuses = migration_status(connection, std::vector{kFirst, kSecond}).value();
    ASSERT_EQ(statuses.size(), 2u);
    EXPECT_FALSE(statuses[0].applied);

    ASSERT_EQ(up({kFirst, kSecond}), "");
    statuses = migration_status(connection, std::vector{kFirst, kThird}).value();
    ASSERT_EQ(statuses.size(), 3u);
    EXPECT_TRUE(statuses[0].applied && statuses[0].known);
    EXPECT_THAT(statuses[0].applied_at, testing::MatchesRegex("[-0-9]+T[:0-9]+Z"));
    EXPECT_FALSE(statuses[1].applied);
    EXPECT_EQ(statuses[2].name, "0002_second");
    EXPECT_FALSE(statuses[2].known);
}

TEST_F(MigrationsTest, LettersOfTheFirstSchemaWaitToBeAnnouncedAfterTheUpgrade) {
    auto connection = database_.connect();
    const std::span all(sql::migrations);
    ASSERT_TRUE(migrate_up(connection, all.first(1)));
    // As binaries of level 1 write them, before and after the upgrade.
    const auto park = [&](int offset) {
        database_.run(
            "INSERT INTO dead_letters (id, topic, partition, \"offset\", payload, payload_encoding, "
            "value_sha256, error_class, error_code, error_message, attempts, first_failed_at, "
            "last_failed_at) VALUES (gen_random_uuid(), 'transactions', 0, " +
            std::to_string(offset) + ", 'x', 'utf8', '\\x01', 'foreign', 'undecodable', '', 1, now(), now())");
    };
    park(1);
    ASSERT_TRUE(migrate_up(connection, all));
    EXPECT_TRUE(check_schema(connection, all.first(1))) << "level 1 goes on working";
    park(2);
    EXPECT_EQ(connection.query_row(sql::LettersCountUnannounced{}).value().letters, 2);
}

TEST_F(MigrationsTest, TellsBinariesThatAreTooOldOrTooNew) {
    EXPECT_EQ(check({kFirst}), "schema_too_old");
    ASSERT_EQ(up({kFirst}), "");
    EXPECT_EQ(check({kFirst}), "");
    EXPECT_EQ(check({kFirst, kSecond}), "schema_too_old");
    ASSERT_EQ(up({kFirst, kSecond}), "");
    EXPECT_EQ(check({kFirst}), "") << "level 2 works with binaries of level 1";
    ASSERT_EQ(up({kFirst, kSecond, kThird}), "");
    EXPECT_EQ(check({kFirst, kSecond}), "schema_too_new");
    EXPECT_EQ(check({kFirst, kSecond, kThird}), "");
}

}  // namespace
}  // namespace ledgerline::db
