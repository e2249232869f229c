#include "db/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "lab/test_database.h"

namespace ledgerline::db {
namespace {

constexpr Statement kOne{"test_one", "SELECT 1"};
constexpr Statement kDivide{"test_divide", "SELECT 1 / $1::int"};
constexpr Statement kSleep{"test_sleep", "SELECT pg_sleep(60)"};
constexpr Statement kEcho{"test_echo", "SELECT item FROM unnest($1::text[]) WITH ORDINALITY AS t (item, n) ORDER BY n"};
constexpr Statement kInsert{"test_insert", "INSERT INTO numbers VALUES ($1)"};

class ConnectionTest : public testing::Test {
protected:
    Connection open(const ConnectionConfig& config) {
        auto opened = Connection::open(config);
        EXPECT_TRUE(opened) << opened.error().message;
        return std::move(*opened);
    }
    Connection open() { return open(database_.config()); }

    test::TestDatabase database_;
};

std::string error_code(const auto& result) { return result ? "" : result.error().code; }

TEST_F(ConnectionTest, ReadsWhatItWrote) {
    auto connection = open();
    const Statement types{"test_types", "SELECT $1::text, $2::bigint, $3::boolean, $4::uuid, $5::bytea, $6::text"};
    const auto id = Uuid::parse("0190a000-0000-7000-8000-00000000002a");
    Params params;
    params.add("it's \"\\ ok").add(std::int64_t{-9'000'000'000'000'000}).add(true).add(*id);
    params.add_bytes(std::string("\0\x01\xff", 3)).add_null();
    const auto rows = connection.query(types, params);
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->text(0, 0), "it's \"\\ ok");
    EXPECT_EQ(rows->int64(0, 1), -9'000'000'000'000'000);
    EXPECT_TRUE(rows->boolean(0, 2));
    EXPECT_EQ(rows->uuid(0, 3), *id);
    EXPECT_EQ(rows->bytes(0, 4), std::string("\0\x01\xff", 3));
    EXPECT_EQ(rows->optional_text(0, 5), std::nullopt);
}

// Far more than a socket's buffers hold, both ways at once.
TEST_F(ConnectionTest, CarriesBigArrays) {
    auto connection = open();
    std::vector<std::string> items;
    for (int i = 0; i < 20000; ++i) items.push_back("{\"" + std::to_string(i) + "\\\"}, NULL " + std::string(200, 'x'));
    Params params;
    params.add(items);
    const auto results = connection.pipeline({{kEcho, params}, {kEcho, params}, {kEcho, params}});
    ASSERT_TRUE(results) << results.error().message;
    for (const Rows& rows : *results) {
        ASSERT_EQ(rows.size(), items.size());
        for (std::size_t row = 0; row < items.size(); ++row) ASSERT_EQ(rows.text(row, 0), items[row]);
    }
}

TEST_F(ConnectionTest, KeepsNullsAndEmptyTextsOfAnArrayApart) {
    auto connection = open();
    const std::vector<std::optional<std::string>> items{"", std::nullopt, "NULL", "null"};
    const auto rows = connection.query(kEcho, Params().add(items));
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), items.size());
    for (std::size_t row = 0; row < items.size(); ++row) EXPECT_EQ(rows->optional_text(row, 0), items[row]);
}

// Both ways, and as the server prints them, which shows that it understood them.
TEST_F(ConnectionTest, CarriesArraysOfEachTypeInBinaryForm) {
    auto connection = open();
    const Uuid id = *Uuid::parse("0198f0a1-7b2c-7000-8000-0123456789ab");
    const WallTime late = *parse_rfc3339("9999-12-31T23:59:59.999999Z"), early = *parse_rfc3339("0001-01-01T00:00:00Z");
    const std::vector<int> ints{-1, std::numeric_limits<int>::max()};
    const std::vector<std::optional<std::int64_t>> longs{std::numeric_limits<std::int64_t>::min(), std::nullopt};
    const std::vector<std::optional<Uuid>> ids{id, std::nullopt};
    const std::vector<std::optional<WallTime>> times{late, early};
    const std::vector<std::optional<std::string>> documents{R"({"a": "\u00e9"})", std::nullopt};
    const Statement both{"test_arrays",
                         "SELECT u.*, u::text AS printed FROM unnest($1::integer[], $2::bigint[], $3::uuid[], "
                         "$4::timestamptz[], $5::jsonb[]) AS u (i, l, id, at, j)",
                         Form::binary};
    const auto rows = connection.query(both, Params().add(ints).add(longs).add(ids).add(times).add_jsonb(documents));
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_EQ(rows->size(), 2u);
    for (std::size_t row = 0; row < 2; ++row) {
        EXPECT_EQ(rows->int64(row, 0), ints[row]);
        EXPECT_EQ(rows->optional_int64(row, 1), longs[row]);
        EXPECT_EQ(rows->optional_uuid(row, 2), ids[row]);
        EXPECT_EQ(rows->time(row, 3), times[row]);
    }
    EXPECT_EQ(rows->optional_text(0, 4), "{\"a\": \"\u00e9\"}");
    EXPECT_EQ(rows->optional_text(1, 4), std::nullopt);
    EXPECT_EQ(rows->text(0, 5),
              "(-1,-9223372036854775808,0198f0a1-7b2c-7000-8000-0123456789ab,\"9999-12-31 23:59:59.999999+00\","
              "\"{\"\"a\"\": \"\"\u00e9\"\"}\")");
    EXPECT_EQ(rows->text(1, 5), "(2147483647,,,\"0001-01-01 00:00:00+00\",)");
}

TEST_F(ConnectionTest, ReadsEachTypeInBinaryForm) {
    auto connection = open();
    const Statement row{"test_row",
                        "SELECT 7::smallint, true, false, '\\x0001ff'::bytea, ''::text, NULL::uuid, NULL::bigint, "
                        "1700000000000000::bigint",
                        Form::binary};
    const auto rows = connection.query(row);
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->int64(0, 0), 7);
    EXPECT_TRUE(rows->boolean(0, 1));
    EXPECT_FALSE(rows->boolean(0, 2));
    EXPECT_EQ(rows->bytes(0, 3), std::string("\0\x01\xff", 3));
    EXPECT_EQ(rows->optional_text(0, 4), "");
    EXPECT_EQ(rows->optional_uuid(0, 5), std::nullopt);
    EXPECT_EQ(rows->optional_int64(0, 6), std::nullopt);
    EXPECT_EQ(rows->time(0, 7), WallTime(std::chrono::seconds(1'700'000'000)));
    EXPECT_THROW(rows->int64(0, 1), UnexpectedAnswer);
    EXPECT_THROW(rows->boolean(0, 0), UnexpectedAnswer);
    EXPECT_THROW(rows->uuid(0, 3), UnexpectedAnswer);
    EXPECT_THROW(rows->bytes(0, 0), UnexpectedAnswer);
    EXPECT_THROW(rows->time(0, 1), UnexpectedAnswer);
}

TEST_F(ConnectionTest, CarriesEmptyArrays) {
    auto connection = open();
    const auto rows = connection.query(kEcho, Params().add(std::vector<std::string>()));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_TRUE(rows->empty());
}

TEST_F(ConnectionTest, RefusesTextThatPostgresqlWouldCutShort) {
    auto connection = open();
    EXPECT_EQ(error_code(connection.query(kEcho, Params().add(std::vector{std::string("a\0b", 3)}))), "22021");
    EXPECT_EQ(error_code(connection.query(kEcho, Params().add("{\"\xff\"}"))), "22021");
    EXPECT_TRUE(connection.query(kOne));
}

TEST_F(ConnectionTest, GivesTheFirstFailureOfAPipelineAndGoesOn) {
    auto connection = open();
    const auto results = connection.pipeline({{kOne, {}}, {kDivide, Params().add(0)}, {kEcho, Params().add("{a}")}});
    EXPECT_EQ(error_code(results), "22012");
    ASSERT_TRUE(connection.usable());
    // The statement that was skipped is not taken for prepared, the one that failed is.
    EXPECT_TRUE(connection.query(kEcho, Params().add("{a}")));
    const auto rows = connection.query(kDivide, Params().add(1));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->int64(0, 0), 1);
}

// A place that is taken means that its lane has moved, not that the row is bad.
TEST_F(ConnectionTest, TellsATakenPlaceFromOtherRowsThatAreThereTwice) {
    database_.run(
        "CREATE TABLE seats (seat int CONSTRAINT seats_place_once UNIQUE, guest int CONSTRAINT seats_guest_once "
        "UNIQUE);"
        "INSERT INTO seats VALUES (1, 1)");
    auto connection = open();
    const Statement same_seat{"test_same_seat", "INSERT INTO seats VALUES (1, 2)"};
    const Statement same_guest{"test_same_guest", "INSERT INTO seats VALUES (2, 1)"};
    EXPECT_EQ(error_code(connection.query(same_seat)), demand_not_met);
    EXPECT_EQ(error_code(connection.query(same_guest)), unique_violation);
}

TEST_F(ConnectionTest, MakesAPipelineOneTransaction) {
    database_.run("CREATE TABLE numbers (n int PRIMARY KEY)");
    auto connection = open();
    EXPECT_EQ(error_code(connection.pipeline({{kInsert, Params().add(1)}, {kInsert, Params().add(1)}})), "23505");
    EXPECT_EQ(database_.value("SELECT count(*) FROM numbers"), "0");
    EXPECT_TRUE(connection.pipeline({{kInsert, Params().add(1)}, {kInsert, Params().add(2)}}));
    EXPECT_EQ(database_.value("SELECT count(*) FROM numbers"), "2");
}

TEST_F(ConnectionTest, ReportsWhatOnlyCommitFindsWrong) {
    database_.run("CREATE TABLE numbers (n int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)");
    auto connection = open();
    EXPECT_EQ(error_code(connection.pipeline({{kInsert, Params().add(1)}, {kInsert, Params().add(1)}})), "23505");
    EXPECT_EQ(error_code(connection.pipeline(
                  {{begin, {}}, {kInsert, Params().add(1)}, {kInsert, Params().add(1)}, {commit, {}}})),
              "23505");
    EXPECT_TRUE(connection.usable());
    EXPECT_EQ(database_.value("SELECT count(*) FROM numbers"), "0");
}

TEST_F(ConnectionTest, DoesNotTakeARollbackForACommit) {
    database_.run("CREATE TABLE numbers (n int PRIMARY KEY)");
    auto connection = open();
    ASSERT_TRUE(connection.pipeline({{begin, {}}, {kInsert, Params().add(1)}}));
    ASSERT_FALSE(connection.query(kDivide, Params().add(0)));
    EXPECT_EQ(error_code(connection.query(commit)), "25P02");
    EXPECT_EQ(database_.value("SELECT count(*) FROM numbers"), "0");
}

TEST_F(ConnectionTest, RollsBackWhatWasLeftOpen) {
    database_.run("CREATE TABLE numbers (n int PRIMARY KEY)");
    auto connection = open();
    connection.rollback();
    ASSERT_TRUE(connection.pipeline({{begin, {}}, {kInsert, Params().add(1)}}));
    connection.rollback();
    ASSERT_TRUE(connection.query(kInsert, Params().add(2)));
    EXPECT_EQ(database_.value("SELECT sum(n) FROM numbers"), "2");
}

TEST_F(ConnectionTest, EndsAStatementThatTakesTooLong) {
    auto config = database_.config();
    config.statement_timeout = milliseconds(50);
    auto connection = open(config);
    const auto rows = connection.query(kSleep);
    EXPECT_EQ(error_code(rows), "57014");
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
    EXPECT_TRUE(connection.usable());
}

TEST_F(ConnectionTest, GivesUpAFrozenServer) {
    auto config = database_.config();
    config.statement_timeout = milliseconds(50);
    auto connection = open(config);
    const int pid = connection.server_pid();
    ASSERT_EQ(kill(pid, SIGSTOP), 0);
    const auto rows = connection.query(kOne);
    kill(pid, SIGCONT);
    EXPECT_EQ(error_code(rows), connection_lost);
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
    EXPECT_FALSE(connection.usable());
    EXPECT_EQ(error_code(connection.query(kOne)), connection_lost);
}

TEST_F(ConnectionTest, SeesThatItsSessionWasEnded) {
    auto connection = open();
    auto other = open();
    ASSERT_TRUE(other.query({"test_terminate", "SELECT pg_terminate_backend($1, 5000)"},
                            Params().add(connection.server_pid())));
    const auto rows = connection.query(kOne);
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
    EXPECT_FALSE(connection.usable());
}

TEST_F(ConnectionTest, AsksForANewSessionWhenItsStatementsAreGone) {
    auto connection = open();
    ASSERT_TRUE(connection.query(kOne));
    ASSERT_TRUE(connection.run_script("DEALLOCATE ALL"));
    const auto rows = connection.query(kOne);
    EXPECT_EQ(error_code(rows), "26000");
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
    EXPECT_FALSE(connection.usable());
}

TEST_F(ConnectionTest, AsksForANewSessionWhenATableChangedUnderAPlan) {
    const Statement all{"test_all", "SELECT * FROM numbers"};
    database_.run("CREATE TABLE numbers (n int)");
    auto connection = open();
    ASSERT_TRUE(connection.query(all));
    database_.run("ALTER TABLE numbers ADD m int");
    const auto rows = connection.query(all);
    EXPECT_EQ(error_code(rows), "0A000");
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
    EXPECT_FALSE(connection.usable());
}

TEST_F(ConnectionTest, EndsASessionThatLeavesItsTransactionOpen) {
    auto config = database_.config();
    config.idle_in_transaction_timeout = milliseconds(50);
    auto connection = open(config);
    ASSERT_TRUE(connection.query(begin));
    auto watcher = open();
    const Statement gone{"test_gone", "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"};
    while (!watcher.query(gone, Params().add(connection.server_pid())).value().boolean(0, 0)) continue;
    const auto rows = connection.query(kOne);
    EXPECT_EQ(error_code(rows), "25P03");
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
}

TEST_F(ConnectionTest, DoesNotWaitForALockForEver) {
    database_.run("CREATE TABLE numbers (n int PRIMARY KEY)");
    auto config = database_.config();
    config.lock_timeout = milliseconds(50);
    auto holder = open();
    ASSERT_TRUE(holder.run_script("BEGIN; LOCK TABLE numbers"));
    auto connection = open(config);
    const auto rows = connection.query(kInsert, Params().add(1));
    EXPECT_EQ(error_code(rows), "55P03");
    EXPECT_EQ(rows.error().disposition, Disposition::retry);
}

TEST_F(ConnectionTest, KeepsTheOptionsOfItsUrl) {
    auto config = database_.config();
    config.url += "&options=-c%20search_path%3Delsewhere";
    auto connection = open(config);
    const Statement path{"test_path", "SELECT current_setting('search_path'), current_setting('statement_timeout')"};
    const auto rows = connection.query(path);
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->text(0, 0), "elsewhere");
    EXPECT_EQ(rows->text(0, 1), "10s");
}

// Why a connect failed decides whether a role waits or ends.
TEST_F(ConnectionTest, ClassifiesAFailedConnect) {
    const auto failed = [](const std::string& url) {
        const auto opened = Connection::open({.url = url, .application_name = "test"});
        EXPECT_FALSE(opened);
        return opened ? Error{} : opened.error();
    };
    const auto with = [&](std::string url, const std::string& from, const std::string& to) {
        return url.replace(url.find(from), from.size(), to);
    };
    const Error password = failed(with(database_.url(), "ledgerline:", "ledgerline:not"));
    EXPECT_EQ(password.code, "28P01");
    EXPECT_EQ(password.disposition, Disposition::stop);
    const Error database = failed(with(database_.url(), "@/", "@/not_"));
    EXPECT_EQ(database.code, "3D000");
    EXPECT_EQ(database.disposition, Disposition::stop);
    EXPECT_THAT(database.message, testing::EndsWith("does not exist"));
    const Error nobody = failed("postgresql://ledgerline:secret@/x?host=/nonexistent");
    EXPECT_EQ(nobody.code, connection_lost);
    EXPECT_EQ(nobody.disposition, Disposition::retry);
    const Error malformed = failed("postgresql//ledgerline:secret@/x");
    EXPECT_EQ(malformed.code, "invalid_database_url");
    EXPECT_EQ(malformed.disposition, Disposition::stop);
    for (const Error& error : {password, database, nobody, malformed})
        EXPECT_THAT(error.message, testing::Not(testing::HasSubstr("secret")));
}

TEST_F(ConnectionTest, WaitsForAServerThatIsFullOrShutsDown) {
    database_.run("ALTER DATABASE " + database_.value("SELECT current_database()") + " CONNECTION LIMIT 0");
    database_.run("CREATE ROLE limited LOGIN PASSWORD 'limited'");
    auto url = database_.url();
    const auto user = url.find("//") + 2;
    url.replace(user, url.find('@') - user, "limited:limited");
    const auto opened = Connection::open({.url = url, .application_name = "test"});
    EXPECT_EQ(error_code(opened), "53300");
    EXPECT_EQ(opened.error().disposition, Disposition::retry);
    database_.run("DROP ROLE limited");
}

}  // namespace
}  // namespace ledgerline::db
