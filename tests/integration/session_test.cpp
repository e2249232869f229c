#include "db/session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr db::Statement kOne{"test_one", "SELECT 1"};
constexpr db::Statement kPid{"test_pid", "SELECT pg_backend_pid()"};
constexpr db::Statement kBroken{"test_broken", "SELECT 1 / 0"};
constexpr db::Statement kInTransaction{"test_in_transaction", "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"};
constexpr db::Statement kAssign{"test_assign", "SELECT pg_current_xact_id()"};

class SessionTest : public testing::Test {
protected:
    Result<std::int64_t> read_number(db::Session& session, const db::Statement& statement) {
        return session.run([&](db::Connection& connection) -> Result<std::int64_t> {
            LEDGERLINE_TRY(const db::Rows rows, connection.query(statement));
            return rows.int64(0, 0);
        });
    }
    double reconnects() { return metrics_.database_reconnects_total.Add({{"pool", "test"}}).Value(); }
    double up() { return metrics_.database_up.Add({{"pool", "test"}}).Value(); }

    TestDatabase database_;
    Metrics metrics_{"test"};
    db::Session session_{database_.config(), metrics_, "test"};
};

TEST_F(SessionTest, KeepsItsConnection) {
    const auto pid = read_number(session_, kPid);
    ASSERT_TRUE(pid) << pid.error().message;
    EXPECT_EQ(read_number(session_, kPid).value_or(0), *pid);
    EXPECT_EQ(reconnects(), 0);
    EXPECT_EQ(up(), 1);
}

TEST_F(SessionTest, OpensAnotherConnectionAfterItsOwnWasEnded) {
    const auto pid = read_number(session_, kPid);
    ASSERT_TRUE(pid);
    database_.run(fmt::format("SELECT pg_terminate_backend({}, 10000)", *pid));
    const auto failed = read_number(session_, kOne);
    ASSERT_FALSE(failed) << "nothing is tried twice";
    EXPECT_EQ(failed.error().disposition, Disposition::retry);
    EXPECT_EQ(read_number(session_, kOne).value_or(0), 1);
    EXPECT_EQ(reconnects(), 1);
}

TEST_F(SessionTest, AFailureOfTheServersKeepsTheConnectionAndLeavesNoTransaction) {
    const auto pid = read_number(session_, kPid);
    const auto failed = session_.run([](db::Connection& connection) {
        return connection.pipeline({{db::begin, {}}, {kAssign, {}}, {kBroken, {}}});
    });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "22012");
    EXPECT_EQ(read_number(session_, kPid).value_or(0), pid.value_or(-1));
}

TEST_F(SessionTest, ATransactionLeftOpenIsRolledBack) {
    ASSERT_TRUE(
        session_.run([](db::Connection& connection) { return connection.pipeline({{db::begin, {}}, {kAssign, {}}}); }));
    const auto open = session_.run([](db::Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const db::Rows rows, connection.query(kInTransaction));
        return rows.boolean(0, 0);
    });
    ASSERT_TRUE(open);
    EXPECT_FALSE(*open);
}

TEST_F(SessionTest, AnExceptionInTheMiddleOfATransactionLeavesNoneOpen) {
    EXPECT_THROW((void)session_.run([](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}}, {kAssign, {}}}));
        throw std::runtime_error("out of something");
    }),
                 std::runtime_error);
    const auto open = session_.run([](db::Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const db::Rows rows, connection.query(kInTransaction));
        return rows.boolean(0, 0);
    });
    ASSERT_TRUE(open);
    EXPECT_FALSE(*open);
}

TEST_F(SessionTest, AMissingDatabaseIsFatalOnlyBeforeTheFirstSuccess) {
    auto doomed = std::make_unique<TestDatabase>();
    db::ConnectionConfig config = doomed->config();
    db::Session session(config, metrics_, "test");
    ASSERT_TRUE(read_number(session, kOne));
    doomed.reset();
    ASSERT_FALSE(read_number(session, kOne));
    const auto later = read_number(session, kOne);
    ASSERT_FALSE(later);
    EXPECT_EQ(up(), 0);
    EXPECT_EQ(later.error().disposition, Disposition::retry);

    db::Session fresh(config, metrics_, "test");
    const auto first = read_number(fresh, kOne);
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code, "3D000");
    EXPECT_EQ(first.error().disposition, Disposition::stop);
}

}  // namespace
}  // namespace ledgerline::test
