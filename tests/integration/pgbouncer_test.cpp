// Sessions through a real PgBouncer, in each of its modes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/session_settings.h"
#include "intake/pg_intake_store.h"
#include "lab/pgbouncer.h"

namespace ledgerline::test {
namespace {

constexpr db::Statement kSetting{"test_setting", "SELECT current_setting($1)"};

db::ConnectionConfig config(const std::string& url) { return {.url = url, .application_name = "test"}; }

std::string setting(db::Connection& connection, const std::string& name) {
    const auto rows = connection.query(kSetting, db::Params().add(name));
    return rows ? std::string(rows->text(0, 0)) : rows.error().message;
}

// Opens a session and checks, as every role does at its start.
Result<db::Connection> start(const db::ConnectionConfig& config) {
    LEDGERLINE_TRY(db::Connection connection, db::Connection::open(config));
    LEDGERLINE_CHECK(db::check_own_session(connection, config));
    return connection;
}

TEST(PgBouncerTest, SessionModeKeepsEverySetting) {
    const TestDatabase database;
    // The third drops what it does not know of the startup packet without a word.
    for (const char* more : {"", "server_round_robin = 1", "ignore_startup_parameters = options"}) {
        SCOPED_TRACE(more);
        const PgBouncer pooler(database, "session", more);
        for (int round = 0; round < 3; ++round) {
            auto connection = start(config(pooler.url() + "&options=-c%20search_path%3Dpublic,elsewhere"));
            ASSERT_TRUE(connection) << connection.error().message;
            EXPECT_TRUE(connection->pooled());
            EXPECT_EQ(setting(*connection, "search_path"), "public,elsewhere");
            EXPECT_EQ(setting(*connection, "statement_timeout"), "10s");
            EXPECT_EQ(setting(*connection, "lock_timeout"), "5s");
            EXPECT_EQ(setting(*connection, "idle_in_transaction_session_timeout"), "10s");
            EXPECT_EQ(setting(*connection, "TimeZone"), "UTC");
            EXPECT_TRUE(intake::can_accept(*connection));
            EXPECT_TRUE(intake::can_accept(*connection)) << "with statements that are prepared already";
        }
    }
    auto direct = start(database.config());
    ASSERT_TRUE(direct);
    EXPECT_FALSE(direct->pooled());
}

TEST(PgBouncerTest, OptionsThatAreNoSettingsAreNotLostInSilence) {
    const TestDatabase database;
    const PgBouncer pooler(database, "session");
    const auto connection = start(config(pooler.url() + "&options=-e"));
    ASSERT_FALSE(connection);
    EXPECT_EQ(connection.error().code, db::setting_refused);
    EXPECT_EQ(connection.error().disposition, Disposition::stop);
}

TEST(PgBouncerTest, SharedSessionsAreRefusedWithTheReason) {
    const TestDatabase database;
    for (const char* mode : {"transaction", "statement"})
        for (const char* more : {"", "server_round_robin = 1"}) {
            SCOPED_TRACE(std::string(mode) + " " + more);
            const PgBouncer pooler(database, mode, more);
            // More than one session of the server's, as in a pool that has been at work.
            std::vector<db::Connection> busy;
            for (int i = 0; i < 3; ++i) {
                auto each = db::Connection::open(config(pooler.url()));
                if (each) busy.push_back(std::move(*each));
            }
            for (auto& each : busy) (void)each.run_script("BEGIN");
            for (auto& each : busy) (void)each.run_script("ROLLBACK");
            const auto connection = start(config(pooler.url()));
            ASSERT_FALSE(connection);
            EXPECT_EQ(connection.error().code, db::shared_session) << connection.error().message;
            EXPECT_EQ(connection.error().disposition, Disposition::stop);
            EXPECT_THAT(connection.error().message, testing::HasSubstr("pool_mode = session"));
        }
}

// Its own errors lack the untranslated severity.
TEST(PgBouncerTest, ItsOwnErrorsAreUnderstood) {
    const TestDatabase database;
    const PgBouncer pooler(database, "session", "query_timeout = 1");
    auto connection = start(config(pooler.url()));
    ASSERT_TRUE(connection) << connection.error().message;
    const auto late = connection->query({"test_sleep", "SELECT pg_sleep(30)"});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().disposition, Disposition::retry) << late.error().message;
    EXPECT_FALSE(connection->usable());
    std::string unknown = pooler.url();
    unknown.insert(unknown.find('?'), "_unknown");
    const auto nowhere = db::Connection::open(config(unknown));
    ASSERT_FALSE(nowhere);
    EXPECT_THAT(nowhere.error().message, testing::HasSubstr("does not exist"));
}

}  // namespace
}  // namespace ledgerline::test
