#include "db/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <thread>

#include "db/connection.h"
#include "db/sqlstate.h"
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
        const auto applied = migrate_up(connection, migrations, rights_, milliseconds(20000));
        if (applied && levels) *levels = *applied;
        return applied ? "" : applied.error().code;
    }
    std::string check(const std::vector<Migration>& migrations) {
        auto connection = database_.connect();
        const auto checked = check_schema(connection, migrations);
        return checked ? "" : checked.error().code;
    }

    std::string rights_;
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

// One that newer servers did not take had to be changed: databases that have its earlier text stay as they are.
TEST_F(MigrationsTest, TakesTheEarlierTextThatAMigrationNames) {
    ASSERT_EQ(up({sql::migrations, sql::migrations + std::size(sql::migrations)}), "");
    database_.run(
        "UPDATE schema_migrations SET checksum = '13982d25b0c43bc9cb9be9c7b15d763ae35d5ac43cfbd22e9dd8852fa4f9cac3' "
        "WHERE level = 10");
    EXPECT_EQ(up({sql::migrations, sql::migrations + std::size(sql::migrations)}), "");
    database_.run("UPDATE schema_migrations SET checksum = 'deadbeef' WHERE level = 10");
    EXPECT_EQ(up({sql::migrations, sql::migrations + std::size(sql::migrations)}), "migration_changed");
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
    const auto applied = migrate_up(connection, std::vector{kFirst, broken}, "");
    ASSERT_FALSE(applied);
    EXPECT_THAT(applied.error().message, HasSubstr("0002_broken"));
    EXPECT_EQ(database_.value("SELECT to_regclass('half') IS NULL"), "t");
    // The lock is free again, and the first one stays.
    std::vector<int> levels;
    EXPECT_EQ(up({kFirst, kSecond}, &levels), "");
    EXPECT_THAT(levels, ElementsAre(2));
}

TEST_F(MigrationsTest, GivesRightsAfterTheMigrationsAndWhenThereAreNone) {
    rights_ = "CREATE TABLE IF NOT EXISTS given (n int); INSERT INTO given SELECT count(*) FROM schema_migrations";
    const auto given = [&] { return database_.value("SELECT string_agg(n::text, ' ' ORDER BY n) FROM given"); };
    ASSERT_EQ(up({kFirst}), "");
    ASSERT_EQ(up({kFirst}), "");
    EXPECT_EQ(given(), "1 1");
    ASSERT_EQ(up({kFirst, kSecond}), "");
    EXPECT_EQ(given(), "1 1 2");
    ASSERT_EQ(up({kFirst}), "");
    EXPECT_EQ(given(), "1 1 2") << "an older binary does not know what a newer one's tables need";
}

// Its migrations made the roles by themselves, with texts that must not change, and ran no script.
TEST_F(MigrationsTest, ADatabaseFromBeforeTheScriptOfRightsGetsThem) {
    const std::vector<Migration> all(std::begin(sql::migrations), std::end(sql::migrations));
    ASSERT_EQ(up({all.begin(), all.begin() + 10}), "");
    EXPECT_EQ(database_.value("SELECT checksum FROM schema_migrations WHERE level = 10"),
              "65ab23ee8d90e5df072076bddf9f3d1acc6d0620592fb29bbe795438af640384");
    database_.run("REVOKE INSERT ON accepted FROM ledgerline_api");
    rights_ = sql::database_roles;
    ASSERT_EQ(up(all), "");
    EXPECT_EQ(database_.value("SELECT has_table_privilege('ledgerline_api', 'accepted', 'INSERT')"), "t");
}

TEST_F(MigrationsTest, LeavesNothingOfRightsThatFail) {
    auto connection = database_.connect();
    const auto applied = migrate_up(connection, std::vector{kFirst}, "CREATE TABLE half (n int); SELECT 1/0");
    ASSERT_FALSE(applied);
    EXPECT_THAT(applied.error().message, HasSubstr("the rights of roles: "));
    EXPECT_EQ(database_.value("SELECT to_regclass('half') IS NULL"), "t");
    EXPECT_EQ(up({kFirst}), "") << "the migration was applied, and the lock is free";
}

TEST_F(MigrationsTest, TakesLongerThanOtherStatementsMay) {
    auto config = database_.config();
    config.statement_timeout = milliseconds(100);
    auto connection = Connection::open(config).value();
    const Migration slow{1, "0001_slow", 1, "SELECT pg_sleep(0.3)"};
    EXPECT_TRUE(migrate_up(connection, std::vector{slow}, ""));
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
    const auto applied = migrate_up(connection, std::vector{kFirst}, "", milliseconds(0));
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

TEST_F(MigrationsTest, AccountsThatAreOlderThanTheirChangesKeepWhatIsOnRecord) {
    const std::vector<Migration> all(std::begin(sql::migrations), std::end(sql::migrations));
    const auto accounts =
        std::ranges::find_if(all, [](const Migration& each) { return each.name.ends_with("_accounts"); });
    ASSERT_EQ(up({all.begin(), accounts}), "");
    database_.run(R"sql(
        INSERT INTO account_settings (id, currency, lane, status, min_balance_cents, created_at, updated_at)
        VALUES ('00000000-0000-7000-8000-000000000003', 'EUR', 3, 'SUSPENDED', -7, now(), now());
        INSERT INTO account_changes (account_id, number, lane, applied_seq, before, after, changed_at, request_id)
        VALUES ('00000000-0000-7000-8000-000000000003', 1, 3, 0, '{"status": "ACTIVE"}', '{"status": "SUSPENDED"}',
                now(), 'r-1'))sql");
    ASSERT_EQ(up(all), "");
    EXPECT_EQ(database_.value("SELECT concat_ws('|', status, min_balance_cents, coalesce(max_balance_cents, -1)) "
                              "FROM accounts"),
              "SUSPENDED|-7|-1");
    EXPECT_EQ(database_.value("SELECT concat_ws('|', changed_by, coalesce(operator, '-'), coalesce(reason, '-'), "
                              "request_id) FROM account_changes"),
              "unknown|-|-|r-1");
    EXPECT_EQ(check({all.begin(), accounts}), "schema_too_new") << "older binaries would decide by what they know";
}

// What the tables refuse by themselves, whatever a binary does.
class TablesTest : public testing::Test {
protected:
    TablesTest() {
        database_.run(R"sql(
            INSERT INTO account_settings (id, currency, lane, created_at, updated_at)
            VALUES ('00000000-0000-7000-8000-000000000003', 'EUR', 3, now(), now());
            INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type,
                                  idempotency_key, lane, seq, event_id, created_at)
            SELECT gen_random_uuid(), '00000000-0000-7000-8000-000000000003', 5, 5, 1, 1, 'EUR', 'CREDIT', n::text, 3, n,
                   gen_random_uuid(), now() FROM generate_series(1, 2) n;
            INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                                   processed_at, kind)
            SELECT lane, seq, id, account_id, 5, 5, 0, now(), 'POSTED' FROM accepted WHERE seq = 1)sql");
    }

    std::string refused(const std::string& sql) {
        auto connection = database_.connect();
        const auto done = connection.run_script(sql);
        return done ? "" : done.error().code;
    }

    test::TestDatabase database_;
};

TEST_F(TablesTest, RefuseASecondDecisionAtAPlace) {
    EXPECT_EQ(refused("INSERT INTO decisions SELECT * FROM decisions"), demand_not_met);
}

TEST_F(TablesTest, RefuseAPlaceThatFollowsNoParkedOne) {
    EXPECT_EQ(refused("INSERT INTO places (lane, seq, account_id, net_cents, transaction_id, event_id, places, "
                      "dead_letter_id, verdict, created_at) SELECT lane, 3, account_id, net_cents, id, "
                      "gen_random_uuid(), 1, gen_random_uuid(), 'replay', now() FROM accepted WHERE seq = 1"),
              demand_not_met);
}

TEST_F(TablesTest, RefuseASecondTransactionAtAPlace) {
    EXPECT_EQ(
        refused("INSERT INTO accepted SELECT gen_random_uuid(), account_id, gen_random_uuid(), seq, amount_cents, "
                "net_cents, created_at, lane, places, schema_version, currency, type, 'another key' "
                "FROM accepted WHERE seq = 1"),
        demand_not_met);
}

TEST_F(TablesTest, RefuseToForget) {
    for (const char* table : {"accepted", "places", "decisions", "account_changes", "account_keys",
                              "dead_letter_decisions", "lane_intake", "lane_apply", "account_settings"}) {
        SCOPED_TRACE(table);
        EXPECT_EQ(refused(std::string("TRUNCATE ") + table + " CASCADE"), "55000");
    }
    for (const char* change : {"UPDATE accepted SET amount_cents = 6", "DELETE FROM accepted",
                               "UPDATE decisions SET balance_after_cents = 6", "DELETE FROM decisions",
                               "UPDATE lane_apply SET lane = lane + 100", "DELETE FROM account_settings"}) {
        SCOPED_TRACE(change);
        EXPECT_EQ(refused(change), "55000");
    }
}

TEST_F(TablesTest, RefuseABalanceAboveTheCeiling) {
    const auto credit = [this](const char* ceiling, const char* kind, const char* code) {
        return refused(std::string("INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, "
                                   "balance_after_cents, floor_cents, processed_at, ceiling_cents, kind, failure_code) "
                                   "SELECT lane, seq, id, account_id, 5, 10, 0, now(), ") +
                       ceiling + ", " + kind + ", " + code + " FROM accepted WHERE seq = 2");
    };
    EXPECT_EQ(credit("9", "'POSTED'", "NULL"), "23514");
    EXPECT_EQ(credit("10", "'POSTED'", "NULL"), "");
}

TEST_F(TablesTest, RefuseSettingsThatCannotBe) {
    for (const char* change : {"status = 'GONE'", "min_balance_cents = 9000000000000001", "max_balance_cents = -1",
                               "min_balance_cents = -1000000000000001"}) {
        SCOPED_TRACE(change);
        EXPECT_EQ(refused(std::string("UPDATE account_settings SET ") + change), "23514");
    }
    EXPECT_EQ(refused("UPDATE account_settings SET min_balance_cents = 5, max_balance_cents = 5"), "");
}

TEST_F(TablesTest, RefuseABalanceBelowTheFloor) {
    EXPECT_EQ(
        refused("INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, "
                "floor_cents, processed_at, kind) SELECT lane, seq, id, account_id, -6, -1, 0, now(), 'POSTED' "
                "FROM accepted WHERE seq = 2"),
        "23514");
}

}  // namespace
}  // namespace ledgerline::db
