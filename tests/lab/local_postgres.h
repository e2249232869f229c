// LocalPostgres: a PostgreSQL server on a TCP port of the loopback address, with settings, a standby or a disk of its
// own. For tests of what happens to servers; others share a TestCluster.
//
// One thread at a time: the one that made it, with which the server ends. Anything that fails ends the test program.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cluster/child_process.h"
#include "lab/test_database.h"

namespace ledgerline::test {

class LocalPostgres {
public:
    struct Options {
        std::filesystem::path directory;  // of the data, empty or not there yet; "": one of its own
        std::string settings;             // lines of postgresql.conf
    };

    struct StandbyOf {
        const LocalPostgres& primary;
    };

    // Makes a cluster, whose log of writes is not in that directory, and starts it.
    explicit LocalPostgres(const Options& options);
    // Makes a standby, and starts it.
    explicit LocalPostgres(const StandbyOf& standby);
    LocalPostgres(const LocalPostgres&) = delete;
    ~LocalPostgres();

    void start();
    void stop();
    // Ends being a standby.
    void promote() const { value("SELECT pg_promote()"); }

    // HOST:PORT
    std::string address() const;
    // Of an empty database, owned by the user of the ledger, that every server has.
    std::string url() const;
    // As the superuser, in that database: the first value of the first row; "" when there is none.
    std::string value(const std::string& sql) const;
    // As the superuser: ALTER SYSTEM, and in force.
    void set(const std::string& setting) const;

private:
    void run(std::vector<std::string> arguments) const;
    db::Connection connect(const std::string& database) const;
    std::filesystem::path prepare(const std::filesystem::path& directory) const;
    void create_database() const;

    TempDir dir_;
    std::filesystem::path programs_;
    std::optional<cluster::OsUser> user_;
    std::uint16_t port_;
    std::filesystem::path data_;
    std::optional<cluster::ChildProcess> server_;
};

}  // namespace ledgerline::test
