// DeclaredQuery: a query with the types that its SQL file declares, for the test that asks PostgreSQL for them.
#pragma once

#include <string_view>
#include <vector>

#include "db/statement.h"

namespace ledgerline::db {

struct DeclaredQuery {
    struct Field {
        std::string_view name;
        std::string_view type;  // PostgreSQL's name of it
    };
    Statement statement;
    std::vector<Field> args;
    std::vector<Field> row;
};

}  // namespace ledgerline::db
