// PgBouncer: Debian's, before a test's database, on a port of the loopback address. Ends the test program if it cannot
// be started.
//
//     const TestDatabase database;
//     const PgBouncer pool(database, "transaction", "max_prepared_statements = 0");
//     const auto connection = db::Connection::open({.url = pool.url(), .application_name = "test"});
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lab/process.h"
#include "lab/test_database.h"

namespace ledgerline::test {

class PgBouncer {
public:
    // more: further lines of its settings. The database must outlive it.
    PgBouncer(const TestDatabase& database, const std::string& pool_mode, const std::string& more = "");
    PgBouncer(const PgBouncer&) = delete;

    // The database through it.
    std::string url() const;

private:
    TempDir dir_;
    std::string database_;
    std::uint16_t port_;
    std::optional<Process> process_;
};

}  // namespace ledgerline::test
