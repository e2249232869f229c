#include "faults/postgres_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "cluster/postgres_binaries.h"
#include "db/migrations.h"
#include "sql/migrations.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kInitdb{120'000};
constexpr milliseconds kStatement{60'000};

template <class T>
T must(Result<T> result) {
    if (!result) note(fmt::format("{}: {}", result.error().code, result.error().message));
    LEDGERLINE_ASSERT(result);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

PostgresServer::PostgresServer(const std::filesystem::path& log) {
    programs_ = must(cluster::find_postgres({}, 0)).directory;
    user_ = must(cluster::cluster_user(""));
    const std::filesystem::path data = dir_.path() / "data" / "cluster";
    std::filesystem::create_directories(data);
    lock_ = open((dir_.path() / "data" / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    LEDGERLINE_ASSERT(lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0);
    if (user_) LEDGERLINE_ASSERT(chown(data.c_str(), user_->uid, user_->gid) == 0);
    Process initdb("initdb", {.arguments = {programs_ / "initdb", "--pgdata=" + data.string(), "--username=postgres",
                                            "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"},
                              .log = log,
                              .user = user_});
    initdb.start();
    LEDGERLINE_ASSERT(initdb.end(0, kInitdb) == "exit code 0");
    std::ofstream(data / "postgresql.conf", std::ios::app) << fmt::format(
        "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nmax_connections = {}\nfsync = off\n"
        "shared_buffers = '64MB'\njit = off\nmax_parallel_workers_per_gather = 0\nlog_line_prefix = '%m [%p] %u '\n",
        port_, connections_max);
    process_ = std::make_unique<Process>(
        "postgres",
        Process::Command{
            .arguments = {programs_ / "postgres", "-D", data}, .log = log, .user = user_, .death_signal = SIGQUIT});
    start();
    run("postgres", "CREATE ROLE ledgerline LOGIN");
}

PostgresServer::~PostgresServer() {
    process_->end(SIGQUIT);
    close(lock_);
}

void PostgresServer::start() {
    process_->start();
    wait_accepting();
}

void PostgresServer::stop_immediately() { LEDGERLINE_ASSERT(process_->end(SIGQUIT) != "still running"); }

void PostgresServer::wait_accepting() const {
    LEDGERLINE_ASSERT(wait_until([this] {
        return db::Connection::open({.url = superuser_url("postgres"), .application_name = "fault-test"}).has_value();
    }));
}

void PostgresServer::create_database(const std::string& name) {
    run("postgres", fmt::format("CREATE DATABASE {} OWNER ledgerline", name));
    auto connection = must(db::Connection::open({.url = url(name), .application_name = "fault-test"}));
    must(db::migrate_up(connection, sql::migrations));
}

std::string PostgresServer::url(const std::string& database, std::uint16_t port) const {
    return fmt::format("postgresql://ledgerline@127.0.0.1:{}/{}", port == 0 ? port_ : port, database);
}

std::string PostgresServer::superuser_url(const std::string& database) const {
    return fmt::format("postgresql://postgres@127.0.0.1:{}/{}", port_, database);
}

// The places that are kept for the superuser may be taken for a moment by sessions that are about to be refused.
db::Connection PostgresServer::connect(const std::string& database) const {
    std::optional<db::Connection> connection;
    LEDGERLINE_ASSERT(wait_until([&] {
        auto opened = db::Connection::open({.url = superuser_url(database),
                                            .application_name = "fault-test",
                                            .statement_timeout = kStatement,
                                            .lock_timeout = kStatement});
        if (opened) connection = *std::move(opened);
        return connection.has_value();
    }));
    return *std::move(connection);
}

void PostgresServer::run(const std::string& database, const std::string& sql) const {
    must(connect(database).run_script(sql));
}

std::string PostgresServer::value(const std::string& database, const std::string& sql) const {
    auto connection = connect(database);
    const auto rows = must(connection.query({"fault_value", sql}));
    return rows.empty() ? "" : std::string(rows.text(0, 0));
}

}  // namespace ledgerline::test
