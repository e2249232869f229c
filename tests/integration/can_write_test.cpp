// What proves that a role can write: its own statements, for nothing, under its own settings and rights.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apply/pg_ledger_store.h"
#include "intake/pg_intake_store.h"
#include "lab/test_database.h"
#include "publish/pg_outbox_store.h"

namespace ledgerline::test {
namespace {

struct Role {
    const char* name;
    Result<void> (*can_write)(db::Connection&);
    std::vector<const char*> rights;  // each of which it cannot do without
};

const Role kRoles[] = {
    {"intake", intake::can_accept, {"INSERT ON accepted", "UPDATE ON lane_intake", "SELECT ON account_settings"}},
    {"publisher", publish::can_publish, {"UPDATE ON lane_publish", "INSERT ON publishers", "UPDATE ON dead_letters"}},
    {"worker",
     apply::can_apply,
     {"UPDATE ON lane_apply", "INSERT ON decisions", "INSERT ON apply_attempts", "INSERT ON dead_letters",
      "UPDATE ON lane_publish"}},
};

class CanWrite : public testing::Test {
protected:
    CanWrite() {
        database_.run("CREATE ROLE limited LOGIN PASSWORD 'limited'");
        database_.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited");
    }
    ~CanWrite() override { database_.run("DROP OWNED BY limited; DROP ROLE limited"); }

    db::Connection connect() const {
        auto config = database_.config();
        const auto user = config.url.find("//") + 2;
        config.url.replace(user, config.url.find('@') - user, "limited:limited");
        return db::Connection::open(config).value();
    }
    static std::string code(const Result<void>& result) { return result ? "" : result.error().code; }

    TestDatabase database_;
};

TEST_F(CanWrite, WithTheRightsOfTheRoleOnly) {
    for (const Role& role : kRoles) {
        SCOPED_TRACE(role.name);
        auto connection = connect();
        const auto fine = role.can_write(connection);
        EXPECT_TRUE(fine) << fine.error().message;
        for (const char* right : role.rights) {
            SCOPED_TRACE(right);
            database_.run(fmt::format("REVOKE {} FROM limited", right));
            const auto refused = role.can_write(connection);
            EXPECT_EQ(code(refused), "42501");
            connection.rollback();
            EXPECT_TRUE(connection.usable());
            // Without another session, once it is repaired.
            database_.run(fmt::format("GRANT {} TO limited", right));
            EXPECT_EQ(code(role.can_write(connection)), "");
        }
    }
}

TEST_F(CanWrite, NotWhereWritingIsSwitchedOff) {
    for (const Role& role : kRoles) {
        SCOPED_TRACE(role.name);
        database_.run("ALTER ROLE limited SET default_transaction_read_only = on");
        auto connection = connect();
        EXPECT_TRUE(connection.query({"test_one", "SELECT 1"}));
        EXPECT_EQ(code(role.can_write(connection)), "25006");
        EXPECT_FALSE(connection.usable()) << "only a new session may be able to write";
        database_.run("ALTER ROLE limited RESET default_transaction_read_only");
        auto another = connect();
        EXPECT_EQ(code(role.can_write(another)), "");
    }
}

TEST_F(CanWrite, LeavesNothingBehind) {
    const std::string size =
        "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    const std::string rows =
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del + n_dead_tup), 0) FROM pg_stat_user_tables";
    const std::string size_before = database_.value(size), rows_before = database_.value(rows);
    for (const Role& role : kRoles) {
        auto connection = connect();
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(role.can_write(connection));
        // Statistics are there when the session has ended.
        ASSERT_TRUE(connection.run_script("SELECT pg_stat_force_next_flush()"));
    }
    EXPECT_EQ(database_.value(size), size_before);
    EXPECT_EQ(
        database_.value("SELECT count(*) FROM pg_locks WHERE relation::regclass::text IN ('accepted', 'lane_apply', "
                        "'lane_intake', 'lane_publish')"),
        "0");
    EXPECT_EQ(database_.value(rows), rows_before);
}

}  // namespace
}  // namespace ledgerline::test
