// Every statement of sql/queries, as the server understands it on the real schema: it can be prepared, and the
// arguments and columns that its file declares are those that PostgreSQL reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
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
        {16, "bool"},     {17, "bytea"},         {20, "int8"},     {23, "int4"},     {25, "text"},
        {701, "float8"},  {1184, "timestamptz"}, {2950, "uuid"},   {3802, "jsonb"},  {1007, "int4[]"},
        {1016, "int8[]"}, {1009, "text[]"},      {2951, "uuid[]"}, {3807, "jsonb[]"}};
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

}  // namespace
}  // namespace ledgerline
