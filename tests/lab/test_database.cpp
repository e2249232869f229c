#include "lab/test_database.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "db/migrations.h"
#include "lab/eventually.h"
#include "sql/migrations.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kBackTimeout{60000};
constexpr const char* kTemplate = "migrated";

constexpr const char* kName = "test database";

// On a busy machine a server may take its time to answer.
db::Connection open(const db::ConnectionConfig& config) {
    auto connection = db::Connection::open(config);
    const auto is_over = [&] { return connection || connection.error().disposition != Disposition::retry; };
    eventually([&] { return is_over() || (connection = db::Connection::open(config)); });
    return must(kName, std::move(connection));
}

// Any database's URL from that of the cluster's own: postgresql://user:secret@/ledgerline?host=...
std::string with_database(const std::string& url, const std::string& database) {
    const auto first = url.find("@/") + 2;
    return url.substr(0, first) + database + url.substr(url.find('?'));
}

}  // namespace

TestCluster& TestCluster::shared() {
    static TestCluster cluster;
    return cluster;
}

TestCluster::TestCluster(Options options)
    : cluster_({.data_dir = dir_.path() / "data", .connections_max = 200, .durable = options.durable}, random_),
      owner_pid_(getpid()) {
    start();
}

// A forked copy of the test program (a death test) leaves the cluster alone.
TestCluster::~TestCluster() {
    if (getpid() != owner_pid_) std::_Exit(1);
    stop();
}

void TestCluster::start() {
    must(kName, cluster_.start());
    kills_ = 0;
}

void TestCluster::stop() { cluster_.stop(); }

void TestCluster::kill_postmaster() {
    const int pid = cluster_.postmaster_pid();
    LEDGERLINE_ASSERT(pid > 0);
    ++kills_;
    kill(pid, SIGKILL);
}

void TestCluster::wait_back() {
    if (cluster_.wait_restarts(kills_, kBackTimeout)) return;
    give_up(kName, "the killed cluster does not come back");
}

std::string TestCluster::url(const std::string& database) const { return with_database(cluster_.url(), database); }

db::Connection TestCluster::connect(const std::string& database) const {
    return open({.url = url(database),
                 .application_name = "ledgerline-test-support",
                 .statement_timeout = milliseconds(60000)});
}

void TestCluster::make_template() {
    if (has_template_) return;
    auto server = connect("postgres");
    must(kName, server.run_script(fmt::format("CREATE DATABASE {}", kTemplate)));
    auto connection = connect(kTemplate);
    must(kName, db::migrate_up(connection, sql::migrations, sql::database_roles));
    has_template_ = true;
}

std::string TestCluster::create_database() {
    const std::lock_guard lock(mutex_);
    make_template();
    const std::string name = fmt::format("test_{}", ++databases_);
    // The session that migrated the template may still be ending; PostgreSQL waits up to five seconds for it.
    must(kName, connect("postgres")
                    .run_script(fmt::format("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, kTemplate)));
    return name;
}

void TestCluster::drop_database(const std::string& name) {
    const std::lock_guard lock(mutex_);
    // A fault test may have left the cluster down; its directory goes as a whole.
    if (auto connection = db::Connection::open({.url = url("postgres"), .application_name = "ledgerline-test-support"}))
        [[maybe_unused]]
        const auto dropped = connection->run_script(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name));
}

db::Connection TestDatabase::connect() const { return open(config()); }

db::Connection TestDatabase::connect_patiently() const {
    db::ConnectionConfig patient = config();
    patient.statement_timeout = std::chrono::minutes(5);
    return open(patient);
}

void TestDatabase::run(const std::string& sql) const { must(kName, connect_patiently().run_script(sql)); }

std::string TestDatabase::value(const std::string& sql) const {
    auto connection = connect_patiently();
    const auto rows = must(kName, connection.query({"test_value", sql}));
    return rows.empty() ? "" : std::string(rows.text(0, 0));
}

}  // namespace ledgerline::test
