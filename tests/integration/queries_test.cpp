// Every statement of sql/queries, as the server understands it on the real schema: it can be prepared, and the
// arguments and columns that its file declares are those that PostgreSQL reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "lab/test_database.h"
#include "sql/all_queries.h"

namespace ledgerline {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;
using Columns = std::map<std::string, std::string>;

// pg_type.oid of the types that embed_sql.py knows; they never change.
std::string type_name(Oid oid) {
    static const std::map<Oid, std::string> names = {
        {16, "bool"},     {17, "bytea"},         {20, "int8"},     {23, "int4"},      {25, "text"},
        {701, "float8"},  {1184, "timestamptz"}, {2950, "uuid"},   {3802, "jsonb"},   {1007, "int4[]"},
        {1016, "int8[]"}, {1009, "text[]"},      {2951, "uuid[]"}, {3807, "jsonb[]"}, {1185, "timestamptz[]"}};
    const auto name = names.find(oid);
    return name == names.end() ? std::to_string(oid) : name->second;
}

// "text?[]" says of an array that its elements may be NULL, which PostgreSQL does not know.
std::string without_marks(std::string_view type) {
    std::string name(type);
    std::erase(name, '?');
    return name;
}

// What can be planned. Of the rest, transaction control and settings, the server only says whether it can be run.
bool can_be_planned(std::string_view sql) {
    while (sql.starts_with("--")) sql.remove_prefix(std::min(sql.find('\n') + 1, sql.size()));
    for (const char* verb : {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES"})
        if (sql.starts_with(verb)) return true;
    return false;
}

class Queries : public testing::Test {
protected:
    // What the server says of the statement; null, and a failure, when it does not understand it.
    Result described(const db::Statement& statement) {
        const std::string name(statement.name), sql(statement.sql);
        const Result prepared(PQprepare(session_.get(), name.c_str(), sql.c_str(), 0, nullptr), &PQclear);
        EXPECT_EQ(PQresultStatus(prepared.get()), PGRES_COMMAND_OK) << name << ": " << PQerrorMessage(session_.get());
        return {PQdescribePrepared(session_.get(), name.c_str()), &PQclear};
    }

    test::TestDatabase database_;
    std::unique_ptr<PGconn, decltype(&PQfinish)> session_{PQconnectdb(database_.url().c_str()), &PQfinish};
};

TEST_F(Queries, AreUnderstoodAndDeclareWhatTheServerReports) {
    std::size_t planned = 0;
    for (const db::DeclaredQuery& query : sql::all_queries) {
        if (!can_be_planned(query.statement.sql)) continue;
        SCOPED_TRACE(query.statement.name);
        const Result server = described(query.statement);
        ++planned;
        std::vector<std::string> declared_args, args;
        for (const auto& arg : query.args) declared_args.push_back(without_marks(arg.type));
        for (int i = 0; i < PQnparams(server.get()); ++i) args.push_back(type_name(PQparamtype(server.get(), i)));
        EXPECT_EQ(declared_args, args);

        Columns declared_columns, columns;
        for (const auto& column : query.row) declared_columns.emplace(column.name, column.type);
        for (int i = 0; i < PQnfields(server.get()); ++i)
            EXPECT_TRUE(columns.emplace(PQfname(server.get(), i), type_name(PQftype(server.get(), i))).second)
                << "two columns are called " << PQfname(server.get(), i);
        for (const auto& [name, type] : declared_columns)
            EXPECT_THAT(columns, testing::Contains(testing::Pair(name, type)));
    }
    EXPECT_GT(planned, std::size(sql::all_queries) * 8 / 10) << "what cannot be planned is the exception";
}

// What is asked for a client takes the client's tenant, and says in SQL what is not that one's. Whatever does not is
// listed here with the reason.
TEST(QueriesOfClients, TakeTheTenant) {
    const std::map<std::string_view, std::string_view> modules = {
        {"apply_", "the worker decides what is next in a lane, whoever asked for it"},
        {"audit_", "verify reads the whole ledger"},
        {"cluster_", "no rows of the ledger"},
        {"db_", "no rows of the ledger"},
        {"health_", "no rows of the ledger"},
        {"publish_", "the publisher sends what is next in a lane"},
        {"notify_", "the notifier sends to all webhooks; Endpoint::wants() gives each its tenant's events"},
        {"roles_", "no rows of the ledger"}};
    const std::map<std::string_view, std::string_view> statements = {
        {"api_ping", "reads nothing"},
        {"api_applied_seqs", "cursors of lanes, for the watcher of outcomes"},
        {"api_lanes", "for operators of all tenants only"},
        {"feed_ends", "positions, which all tenants share"},
        {"feed_read", "read once for all who follow; FeedFilter::matches() gives each its tenant's"},
        {"feed_leases", "the topic of outcomes has all of them"},
        {"feed_note_told", "the topic of outcomes has all of them"},
        {"feed_lag", "a number of rows, for the metrics"},
        {"intake_lock_lanes", "lanes only"},
        {"intake_lock_free_lanes", "lanes only"},
        {"intake_read_accounts", "gives each account's tenant: intake judges item by item"},
        {"intake_read_keys", "of accounts that intake has judged by their tenant"},
        {"intake_due_holds", "holds expire, whoever made them"},
        {"intake_forget_due_holds", "holds expire, whoever made them"},
        {"approvals_lock", "locks the table"},
        {"keys_tenants", "who is let in is decided before it is known for whom"},
        {"keys_in_force", "who is let in is decided before it is known for whom"},
        {"keys_exist", "who is let in is decided before it is known for whom"},
        {"keys_lock", "locks the table"},
        {"keys_touch", "notes the use of keys that were let in"},
        {"keys_audit_refusals", "takes the tenant from the key that was refused"},
        {"keys_lock_tenants", "for operators of all tenants only"},
        {"keys_create_tenant", "for operators of all tenants only"},
        {"keys_tenant_by_name", "for operators of all tenants only"},
        {"keys_lease_limits", "of instances"},
        {"keys_leave_limits", "of instances"},
        {"keys_limit_tenant", "for operators of all tenants only"},
        {"keys_audit_tenant", "for operators of all tenants only"},
        {"keys_tenants_page", "for operators of all tenants only"},
        {"letters_plan_for_these_parameters", "a setting"},
        {"letters_begin_snapshot", "begins a transaction"},
        {"letters_unannounced_letters", "the topic of dead letters has all of them"},
        {"letters_mark_announced", "the topic of dead letters has all of them"},
        {"letters_count_unannounced", "a number of rows, for the metrics"},
        {"webhooks_lock", "locks the table"}};
    std::size_t taking = 0;
    for (const db::DeclaredQuery& query : sql::all_queries) {
        const std::string_view name = query.statement.name;
        if (std::ranges::any_of(modules, [&](const auto& module) { return name.starts_with(module.first); })) continue;
        std::size_t at = 0;
        for (std::size_t i = 0; i < query.args.size(); ++i)
            if (query.args[i].name == "tenant" || query.args[i].name == "tenants") at = i + 1;
        if (statements.contains(name)) {
            EXPECT_EQ(at, 0U) << name << " takes the tenant: it is no exception";
            continue;
        }
        ASSERT_NE(at, 0U) << name << " does not take the tenant whom it is for";
        ++taking;
        // In a condition, or as what a function goes by or a row gets.
        const std::string number = "\\$" + std::to_string(at) + "(::\\w+)?(\\[\\])?";
        const std::string condition =
            "(tenant\\)? (=|>=) " + number + ")|(own_(account|webhook)\\([^)]*, " + number + "\\))";
        const std::string given = "tenant, id\\) < \\(" + number + "|coalesce\\(" + number + "|unnest\\([^;]*" +
                                  number + "[^;]*tenant\\)|tenant = coalesce\\(" + number + "|SELECT (\\$1::uuid, )?" +
                                  number + "|'', " + number + "\\)::audit";
        EXPECT_TRUE(std::regex_search(std::string(query.statement.sql), std::regex(condition + "|" + given)))
            << name << " does not compare its tenant with the rows'";
    }
    EXPECT_GT(taking, 50U);
}

}  // namespace
}  // namespace ledgerline
