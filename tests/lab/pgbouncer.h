// PgBouncer: Debian's, before a test's database, on a port of the loopback address. Ends the test program with a
// message when it cannot be started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cluster/child_process.h"
#include "lab/test_database.h"

namespace ledgerline::test {

class PgBouncer {
public:
    // more: further lines of its settings. The database must outlive it.
    PgBouncer(const TestDatabase& database, const std::string& pool_mode, const std::string& more = "");
    PgBouncer(const PgBouncer&) = delete;
    ~PgBouncer();

    // The database through it.
    std::string url() const;

private:
    TempDir dir_;
    std::string database_;
    std::uint16_t port_;
    std::optional<cluster::OsUser> user_;
    std::optional<cluster::ChildProcess> process_;
};

}  // namespace ledgerline::test
