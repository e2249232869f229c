// Every statement of sql/queries, as the server understands it on the real schema.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lab/test_database.h"
#include "sql/all_queries.h"

namespace ledgerline {
namespace {

// PREPARE takes what has parameters and can be planned; of the rest the server says whether it can be run at all.
bool can_be_planned(std::string_view sql) {
    while (sql.starts_with("--")) sql.remove_prefix(std::min(sql.find('\n') + 1, sql.size()));
    for (const char* verb : {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES"})
        if (sql.starts_with(verb)) return true;
    return false;
}

TEST(Queries, AreAllUnderstoodOnTheRealSchema) {
    const test::TestDatabase database;
    auto connection = database.connect();
    std::size_t planned = 0;
    for (const db::Statement& statement : sql::all_queries) {
        if (!can_be_planned(statement.sql)) continue;
        const auto prepared = connection.run_script(fmt::format("PREPARE {} AS {}", statement.name, statement.sql));
        EXPECT_TRUE(prepared) << statement.name << ": " << prepared.error().code << " " << prepared.error().message;
        ++planned;
    }
    EXPECT_GT(planned, std::size(sql::all_queries) * 8 / 10) << "what cannot be planned is the exception";
}

}  // namespace
}  // namespace ledgerline
