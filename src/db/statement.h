// One named SQL statement, and the types that its file declares. All of them are generated from sql/queries; there is
// no SQL elsewhere.
#pragma once

#include <string_view>
#include <vector>

namespace ledgerline::db {

// PostgreSQL's two forms of a value, as its protocol numbers them.
enum class Form { text = 0, binary = 1 };

// Both views must live forever (string literals): connections remember prepared statements by name.
struct Statement {
    std::string_view name;
    std::string_view sql;
    Form rows = Form::text;  // binary: all columns have types of db/binary.h
};

// For the test that asks PostgreSQL for the types.
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
