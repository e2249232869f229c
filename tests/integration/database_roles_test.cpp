// The roles that migrations make for the logins of each process: they can do its work, and nothing else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "db/connection.h"
#include "db/migrations.h"
#include "lab/test_database.h"
#include "sql/all_queries.h"
#include "sql/migrations.h"

namespace ledgerline {
namespace {

using testing::AnyOf;
constexpr const char* kNoRight = "42501";
constexpr const char* kRefusedByTrigger = "55000";

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

// Which statements each process runs, by their names: those of modules that it has, but for a few. Statements of
// migrations and of making a private cluster are run by the owner.
bool runs_health(std::string_view name, std::string_view probe) {
    return name.starts_with("health_") && (!name.starts_with("health_write_") || name == probe);
}
bool api_runs(std::string_view name) {
    return name.starts_with("api_") || name.starts_with("approvals_") || name.starts_with("keys_") ||
           name.starts_with("trace_") || name.starts_with("webhooks_") ||
           (name.starts_with("letters_") &&
            !is_one_of(name, {"letters_count_unannounced", "letters_mark_announced", "letters_unannounced_letters"})) ||
           (name.starts_with("feed_") && !is_one_of(name, {"feed_lag", "feed_leases", "feed_note_told"})) ||
           (name.starts_with("intake_") && !is_one_of(name, {"intake_due_holds", "intake_forget_due_holds"})) ||
           runs_health(name, "health_write_intake");
}
bool publisher_runs(std::string_view name) {
    return name.starts_with("publish_") || name.starts_with("intake_") ||
           is_one_of(name, {"letters_count_unannounced", "letters_mark_announced", "letters_unannounced_letters",
                            "feed_lag", "feed_leases", "feed_note_told", "feed_read"}) ||
           runs_health(name, "health_write_publish");
}
bool worker_runs(std::string_view name) {
    return name.starts_with("apply_") || name == "intake_forget_due_holds" || runs_health(name, "health_write_apply");
}
bool notifier_runs(std::string_view name) {
    return name.starts_with("notify_") || is_one_of(name, {"feed_ends", "feed_read"}) ||
           runs_health(name, "health_write_notify");
}
bool reader_runs(std::string_view name) { return name.starts_with("audit_"); }
bool all_run(std::string_view name) {
    return name.starts_with("roles_") || (name.starts_with("db_") && !name.starts_with("db_migrations_")) ||
           is_one_of(name, {"db_migrations_applied", "db_migrations_table_exists"});
}
bool owner_runs(std::string_view name) {
    return name.starts_with("cluster_") || (name.starts_with("db_migrations_") && !all_run(name));
}

struct Role {
    const char* name;
    bool (*runs)(std::string_view statement);
    // What its statements need where EXPLAIN does not look: functions, and LOCK.
    std::vector<std::string> hidden = {};
};
const Role kRoles[] = {
    {"ledgerline_api", api_runs, {"INSERT audit", "UPDATE audit_chains", "SELECT audit_chains"}},
    {"ledgerline_publisher", publisher_runs},
    {"ledgerline_worker", worker_runs},
    {"ledgerline_notifier",
     notifier_runs,
     {"INSERT audit", "UPDATE audit_chains", "SELECT audit_chains", "SELECT accepted", "SELECT places"}},
    {"ledgerline_reader", reader_runs},
};

bool can_be_planned(std::string_view sql) {
    while (sql.starts_with("--")) sql.remove_prefix(std::min(sql.find('\n') + 1, sql.size()));
    return std::ranges::any_of(std::vector<std::string_view>{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES"},
                               [&](std::string_view verb) { return sql.starts_with(verb); });
}

class DatabaseRoles : public testing::Test {
protected:
    // The SQLSTATE of the failure; "" when it succeeds.
    std::string run(const std::string& sql) {
        const Answer answer(PQexec(session_.get(), sql.c_str()), &PQclear);
        const char* state = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
        return state ? state : "";
    }
    std::vector<std::string> values(const std::string& sql) {
        const Answer answer(PQexec(session_.get(), sql.c_str()), &PQclear);
        EXPECT_EQ(PQresultStatus(answer.get()), PGRES_TUPLES_OK) << PQerrorMessage(session_.get());
        std::vector<std::string> all;
        for (int row = 0; row < PQntuples(answer.get()); ++row) all.emplace_back(PQgetvalue(answer.get(), row, 0));
        return all;
    }
    void prepare_all() {
        for (const db::DeclaredQuery& query : sql::all_queries) {
            if (!can_be_planned(query.statement.sql)) continue;
            const std::string name(query.statement.name), sql(query.statement.sql);
            const Answer made(PQprepare(session_.get(), name.c_str(), sql.c_str(), 0, nullptr), &PQclear);
            ASSERT_EQ(PQresultStatus(made.get()), PGRES_COMMAND_OK) << name;
        }
    }
    // The rights are checked, and nothing is done.
    std::string explain(const db::DeclaredQuery& query) {
        std::string nulls;
        for (std::size_t i = 0; i < query.args.size(); ++i) nulls += i ? ", NULL" : "NULL";
        return run(fmt::format("EXPLAIN EXECUTE {}{}", query.statement.name, nulls.empty() ? "" : "(" + nulls + ")"));
    }
    std::vector<const db::DeclaredQuery*> statements_of(const Role& role) const {
        std::vector<const db::DeclaredQuery*> found;
        for (const db::DeclaredQuery& query : sql::all_queries)
            if ((role.runs(query.statement.name) || all_run(query.statement.name)) &&
                can_be_planned(query.statement.sql))
                found.push_back(&query);
        return found;
    }

    test::TestDatabase database_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> session_{PQconnectdb(database_.url().c_str()), &PQfinish};
};

TEST_F(DatabaseRoles, EveryStatementIsRunBySomebody) {
    for (const db::DeclaredQuery& query : sql::all_queries) {
        const std::string_view name = query.statement.name;
        const bool known = all_run(name) || owner_runs(name) ||
                           std::ranges::any_of(kRoles, [&](const Role& role) { return role.runs(name); });
        EXPECT_TRUE(known) << name << ": which role runs it, and may it?";
    }
}

TEST_F(DatabaseRoles, RunTheStatementsOfTheirProcess) {
    prepare_all();
    for (const Role& role : kRoles) {
        ASSERT_EQ(run(fmt::format("SET ROLE {}", role.name)), "");
        const auto statements = statements_of(role);
        EXPECT_GT(statements.size(), 5u);
        for (const auto* query : statements)
            EXPECT_EQ(explain(*query), "") << role.name << ' ' << query->statement.name;
        ASSERT_EQ(run("RESET ROLE"), "");
    }
    ASSERT_EQ(run("SET ROLE ledgerline_api"), "");
    EXPECT_EQ(run("BEGIN; LOCK TABLE api_keys, approvals IN SHARE ROW EXCLUSIVE MODE; ROLLBACK"), "");
}

// A right that no statement needs is one that only an attacker would use.
TEST_F(DatabaseRoles, HaveNoRightThatTheyDoNotNeed) {
    prepare_all();
    for (const Role& role : kRoles) {
        if (role.name == std::string_view("ledgerline_reader")) continue;  // it may look at everything
        const auto statements = statements_of(role);
        const auto rights =
            values(fmt::format("SELECT privilege_type || ' ' || table_name FROM information_schema.role_table_grants "
                               "WHERE grantee = '{}' AND table_schema = current_schema",
                               role.name));
        EXPECT_GE(rights.size(), 20u);
        for (const std::string& right : rights) {
            if (std::ranges::count(role.hidden, right) > 0) continue;
            const std::size_t space = right.find(' ');
            ASSERT_EQ(run(fmt::format("BEGIN; REVOKE {} ON {} FROM {}; SET LOCAL ROLE {}", right.substr(0, space),
                                      right.substr(space + 1), role.name, role.name)),
                      "");
            const bool needed =
                std::ranges::any_of(statements, [&](const auto* query) { return explain(*query) == "42501"; });
            EXPECT_TRUE(needed) << role.name << " has " << right;
            ASSERT_EQ(run("ROLLBACK"), "");
        }
    }
}

// Nobody who serves can change what was written once, or switch off what refuses it.
TEST_F(DatabaseRoles, CannotTamperWithThePast) {
    const auto tables = values(
        "SELECT DISTINCT event_object_table FROM information_schema.triggers WHERE action_statement LIKE "
        "'%refuse_change%' AND trigger_name = 'immutable'");
    EXPECT_GE(tables.size(), 5u);
    for (const Role& role : kRoles) {
        ASSERT_EQ(run(fmt::format("SET ROLE {}", role.name)), "");
        for (const std::string& table : tables) {
            // To lock a row takes the right to change it.
            const bool only_locked = table == "lane_intake" || table == "lane_apply";
            const std::string column = values(fmt::format(
                "SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum = 1", table))[0];
            for (const std::string& attempt :
                 {fmt::format("UPDATE {} SET {} = {}", table, column, column), fmt::format("DELETE FROM {}", table),
                  fmt::format("TRUNCATE {}", table), fmt::format("ALTER TABLE {} DISABLE TRIGGER ALL", table),
                  fmt::format("DROP TABLE {}", table), fmt::format("DROP TRIGGER immutable ON {}", table),
                  fmt::format("CREATE RULE gone AS ON INSERT TO {} DO INSTEAD NOTHING", table)})
                EXPECT_THAT(run(attempt), AnyOf(kNoRight, only_locked ? kRefusedByTrigger : kNoRight))
                    << role.name << ": " << attempt;
        }
        const char* const harmless_trigger =
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'";
        for (const char* attempt : {"SET session_replication_role = replica", harmless_trigger,
                                    "CREATE TABLE mine (x int)", "CREATE ROLE other", "DELETE FROM schema_migrations",
                                    "SELECT make_database_roles()", "COPY accepted TO PROGRAM 'cat'"})
            EXPECT_EQ(run(attempt), "42501") << role.name << ": " << attempt;
        ASSERT_EQ(run("RESET ROLE"), "");
    }
    ASSERT_EQ(run("SET ROLE ledgerline_reader"), "");
    EXPECT_EQ(run("SELECT hash FROM api_key_secrets"), "42501");
    EXPECT_EQ(run("SELECT secret FROM webhook_secrets"), "42501");
    for (const char* attempt : {"DELETE FROM dead_letters", "UPDATE lane_apply SET lane = lane",
                                "INSERT INTO schema_migrations SELECT * FROM schema_migrations"})
        EXPECT_EQ(run(attempt), "42501") << attempt;
}

TEST_F(DatabaseRoles, AreMadeAgainWithoutHarm) {
    const auto may = [&](const char* right) {
        return values(fmt::format("SELECT has_table_privilege('ledgerline_api', 'accepted', '{}')", right))[0];
    };
    EXPECT_EQ(run("GRANT DELETE ON accepted TO ledgerline_api"), "");
    EXPECT_EQ(run("SELECT make_database_roles()"), "");
    EXPECT_EQ(may("DELETE"), "f");
    EXPECT_EQ(may("INSERT"), "t");

    // A database that is up to date, with another version's function.
    EXPECT_EQ(run("GRANT DELETE ON accepted TO ledgerline_api; REVOKE INSERT ON accepted FROM ledgerline_api"), "");
    EXPECT_EQ(run("CREATE OR REPLACE FUNCTION make_database_roles() RETURNS void LANGUAGE sql AS ''"), "");
    auto connection = database_.connect();
    ASSERT_TRUE(db::migrate_up(connection, sql::migrations, sql::database_roles));
    EXPECT_EQ(may("DELETE"), "f");
    EXPECT_EQ(may("INSERT"), "t");
}

}  // namespace
}  // namespace ledgerline
