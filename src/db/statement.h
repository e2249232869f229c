// One named SQL statement. All of them are generated from sql/queries; there is no SQL elsewhere.
#pragma once

#include <string_view>

namespace ledgerline::db {

// Both views must live forever (string literals): connections remember prepared statements by name.
struct Statement {
    std::string_view name;
    std::string_view sql;
};

}  // namespace ledgerline::db
