// PostgresServer: a PostgreSQL cluster on a TCP port of the loopback address, which a fault test stops at once, starts
// again on the same port, and reconfigures. Whoever uses the ledger is no superuser, as in production.
//
// One thread at a time; started, stopped and destroyed by the thread that runs the test. Commits are answered without
// waiting for the disk (fsync is off): what the operating system has been told survives every fault of these tests.
#pragma once

#include <memory>
#include <string>

#include "db/connection.h"
#include "faults/process.h"
#include "lab/test_database.h"

namespace ledgerline::test {

class PostgresServer {
public:
    static constexpr int connections_max = 60;

    // Makes the cluster and starts it; log is where it writes to. Ends the test program when it cannot.
    explicit PostgresServer(const std::filesystem::path& log);
    ~PostgresServer();

    void start();
    // As `pg_ctl stop -m immediate`: every session ends in the middle of what it did; the next start recovers.
    void stop_immediately();
    bool running() { return process_->running(); }
    std::uint16_t port() const { return port_; }

    // An empty database with the newest schema, owned by the user of the ledger.
    void create_database(const std::string& name);
    // For the roles; port 0: the server's own.
    std::string url(const std::string& database, std::uint16_t port = 0) const;
    // As the superuser. Ends the test program when it cannot.
    db::Connection connect(const std::string& database) const;
    // As the superuser, a statement at a time, on a connection of its own; the first value of the first row.
    void run(const std::string& database, const std::string& sql) const;
    std::string value(const std::string& database, const std::string& sql) const;

private:
    std::string superuser_url(const std::string& database) const;
    void wait_accepting() const;

    TempDir dir_;
    int lock_;  // held on the directory, so that other test programs do not clear it away as abandoned
    std::filesystem::path programs_;
    std::optional<cluster::OsUser> user_;
    std::uint16_t port_ = free_port();
    std::unique_ptr<Process> process_;
};

}  // namespace ledgerline::test
