// PostgreSQL for tests: clusters that the tests start themselves, and fresh databases with the schema in milliseconds.
//
//     const TestDatabase database;
//     database.run("UPDATE lane_apply SET applied_seq = 3 WHERE lane = 3");
//     EXPECT_EQ(database.value("SELECT count(*) FROM outcomes"), "3");
//
// A test of what happens to a server itself takes a PostgresServer. Here each test gets a database of its own on a
// cluster that all share.
//
// Needs nothing but PostgreSQL's programs. Databases live in clusters under the temporary directory; those of a test
// program that crashed stop by themselves, and their files are removed by the next one.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "cluster/private_cluster.h"
#include "db/connection.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {

// A running cluster. Any failure of it ends the test program with a message. Thread-safe but for stop() and start().
class TestCluster {
public:
    struct Options {
        bool durable = false;  // true: with fsync
    };

    // The cluster that the tests of this program share. Started when it is first asked for, removed at exit. Whoever
    // stops or kills servers makes a cluster of their own.
    static TestCluster& shared();

    TestCluster() : TestCluster(Options{}) {}
    explicit TestCluster(Options options);
    ~TestCluster();

    // Of a database that exists.
    std::string url(const std::string& database) const;
    // Makes a database with the newest schema, and its name unique. Drops it again.
    std::string create_database();
    void drop_database(const std::string& name);

    // Kills the postmaster as kill -9 does. It comes back by itself; wait_back() returns when it accepts connections.
    void kill_postmaster();
    void wait_back();
    // Down until start(). Both may be called repeatedly.
    void stop();
    void start();

private:
    db::Connection connect(const std::string& database) const;
    void make_template();

    TempDir dir_;
    SystemRandom random_;
    cluster::PrivateCluster cluster_;
    std::mutex mutex_;
    bool has_template_ = false;
    unsigned databases_ = 0;
    unsigned kills_ = 0;  // since start()
    int owner_pid_;
};

// A fresh database with the schema, dropped with the object. Open connections to it are ended then.
class TestDatabase {
public:
    TestDatabase() : TestDatabase(TestCluster::shared()) {}
    // The cluster must outlive it.
    explicit TestDatabase(TestCluster& cluster) : cluster_(cluster), name_(cluster.create_database()) {}
    TestDatabase(const TestDatabase&) = delete;
    ~TestDatabase() { cluster_.drop_database(name_); }

    std::string url() const { return cluster_.url(name_); }
    db::ConnectionConfig config() const { return {.url = url(), .application_name = "ledgerline-test"}; }
    // Ends the test program when it cannot.
    db::Connection connect() const;
    // Runs SQL text, and reads the first value of the first row ("" when there is none). Ends the test program when the
    // SQL fails.
    void run(const std::string& sql) const;
    std::string value(const std::string& sql) const;

private:
    // What is set up by the million rows takes as long as it takes.
    db::Connection connect_patiently() const;

    TestCluster& cluster_;
    std::string name_;
};

}  // namespace ledgerline::test
