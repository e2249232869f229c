// PostgresServer: a PostgreSQL server on a TCP port of the loopback address, with settings, a standby or a disk of its
// own. For tests of what happens to servers; other tests share a TestCluster.
//
//     PostgresServer server({.settings = "synchronous_standby_names = '*'"});
//     server.migrate();
//     server.stop();   // every session ends in the middle of what it does
//     server.start();  // recovers, on the same port
//     EXPECT_EQ(server.value("SELECT count(*) FROM accepted"), "1");
//
// The ledger's user is no superuser, as in production. Commits do not wait for the disk (fsync is off): what the
// operating system has been told survives every fault of these tests. One thread at a time: the one that made it, with
// which the server ends. Anything that fails ends the test program.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "db/connection.h"
#include "lab/process.h"
#include "lab/sockets.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {

class PostgresServer {
public:
    static constexpr int connections_max = 60;
    static constexpr const char* ledger = "ledger";  // the database that every server has

    struct Options {
        std::filesystem::path directory{};  // of the data, empty or not there yet; "": one of its own
        std::string settings{};             // lines of postgresql.conf
        std::filesystem::path log{};        // "": kept in memory
    };

    struct StandbyOf {
        const PostgresServer& primary;
    };

    // Makes a cluster whose WAL is in another directory, and starts it.
    explicit PostgresServer(const Options& options);
    // Makes a standby, and starts it.
    explicit PostgresServer(const StandbyOf& standby);
    PostgresServer(const PostgresServer&) = delete;
    ~PostgresServer();

    // start() returns once it accepts connections. stop() is `pg_ctl stop -m immediate`. Both may be repeated.
    void start();
    void stop();
    bool running() { return process_.running(); }
    // Makes a standby a primary.
    void promote() const { value("SELECT pg_promote()"); }

    std::uint16_t port() const { return port_; }
    std::string address() const;  // HOST:PORT
    // For the ledger. port: of a proxy; 0: the server's own.
    std::string url(const std::string& database = ledger, std::uint16_t port = 0) const;
    // An empty database, owned by the ledger's user.
    void create_database(const std::string& name) const;
    // The newest schema.
    void migrate(const std::string& database = ledger) const;

    // The rest is done as the superuser, on connections of its own.
    db::Connection connect(const std::string& database = ledger) const;
    void run(const std::string& sql, const std::string& database = ledger) const;
    // The first value of the first row; "" if there is none.
    std::string value(const std::string& sql, const std::string& database = ledger) const;
    // ALTER SYSTEM SET, and puts it in force.
    void set(const std::string& setting) const;

private:
    std::filesystem::path prepare(const std::filesystem::path& directory) const;
    void run_program(std::vector<std::string> arguments) const;
    Process::Command server_command(const std::filesystem::path& log) const;

    TempDir dir_;
    const std::filesystem::path programs_;
    const std::optional<cluster::OsUser> user_;
    const std::uint16_t port_ = free_port(PortUse::restarted);
    const std::filesystem::path data_;
    Process process_;
};

}  // namespace ledgerline::test
