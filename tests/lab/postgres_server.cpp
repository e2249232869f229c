#include "lab/postgres_server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "cluster/postgres_binaries.h"
#include "db/migrations.h"
#include "sql/migrations.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kProgram{120'000};
constexpr milliseconds kStatement{60'000};
constexpr const char* kName = "PostgreSQL";

}  // namespace

PostgresServer::PostgresServer(const Options& options)
    : programs_(must(kName, cluster::find_postgres({}, 0)).directory),
      user_(must(kName, cluster::cluster_user(""))),
      data_(prepare(options.directory.empty() ? dir_.path() / "postgres" : options.directory)),
      process_(kName, server_command(options.log)) {
    dir_.keep();
    const std::filesystem::path wal = prepare(dir_.path() / "wal");
    run_program({programs_ / "initdb", "--pgdata=" + data_.string(), "--waldir=" + wal.string(), "--username=postgres",
                 "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"});
    std::ofstream(data_ / "postgresql.conf", std::ios::app) << fmt::format(
        "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nmax_connections = {}\nfsync = off\n"
        "shared_buffers = '64MB'\njit = off\nmax_parallel_workers_per_gather = 0\nlog_line_prefix = '%m [%p] %u "
        "'\n{}\n",
        port_, connections_max, options.settings);
    start();
    run("CREATE ROLE ledgerline LOGIN", "postgres");
    create_database(ledger);
}

PostgresServer::PostgresServer(const StandbyOf& standby)
    : programs_(standby.primary.programs_),
      user_(standby.primary.user_),
      data_(prepare(dir_.path() / "postgres")),
      process_("standby", server_command({})) {
    dir_.keep();
    run_program({programs_ / "pg_basebackup", "--pgdata=" + data_.string(), "--write-recovery-conf",
                 "--checkpoint=fast", "--no-sync",
                 fmt::format("--dbname=postgresql://postgres@{}/", standby.primary.address())});
    std::ofstream(data_ / "postgresql.conf", std::ios::app) << fmt::format("port = {}\n", port_);
    start();
}

PostgresServer::~PostgresServer() { stop(); }

std::filesystem::path PostgresServer::prepare(const std::filesystem::path& directory) const {
    std::filesystem::create_directories(directory);
    if (chmod(directory.c_str(), 0700) != 0 || (user_ && chown(directory.c_str(), user_->uid, user_->gid) != 0))
        give_up(kName, "its directory cannot be given away");
    return directory;
}

void PostgresServer::run_program(std::vector<std::string> arguments) const {
    Process program(arguments.front(), {.arguments = arguments, .user = user_});
    program.start();
    if (program.wait_outcome(kProgram) != "exit code 0") give_up(program.name(), program.output());
}

Process::Command PostgresServer::server_command(const std::filesystem::path& log) const {
    return {.arguments = {programs_ / "postgres", "-D", data_}, .log = log, .user = user_, .death_signal = SIGQUIT};
}

void PostgresServer::start() {
    if (running()) return;
    process_.start();
    connect("postgres");
}

void PostgresServer::stop() {
    if (running() && process_.end(SIGQUIT) == "still running") give_up(kName, "it does not stop");
}

std::string PostgresServer::address() const { return fmt::format("127.0.0.1:{}", port_); }

std::string PostgresServer::url(const std::string& database, std::uint16_t port) const {
    return fmt::format("postgresql://ledgerline@127.0.0.1:{}/{}", port == 0 ? port_ : port, database);
}

void PostgresServer::create_database(const std::string& name) const {
    run(fmt::format("CREATE DATABASE {} OWNER ledgerline", name), "postgres");
}

void PostgresServer::migrate(const std::string& database) const {
    auto connection =
        must(kName, db::Connection::open({.url = url(database), .application_name = "ledgerline-test-support"}));
    must(kName, db::migrate_up(connection, sql::migrations, sql::database_roles));
}

// The server may be starting, and sessions that are about to be refused may for a moment hold the superuser's places.
db::Connection PostgresServer::connect(const std::string& database) const {
    const db::ConnectionConfig config{.url = fmt::format("postgresql://postgres@{}/{}", address(), database),
                                      .application_name = "ledgerline-test-support",
                                      .statement_timeout = kStatement,
                                      .lock_timeout = kStatement};
    Result<db::Connection> opened = db::Connection::open(config);
    if (!opened) eventually([&] { return (opened = db::Connection::open(config)).has_value(); }, kProgram);
    return must(kName, std::move(opened));
}

void PostgresServer::run(const std::string& sql, const std::string& database) const {
    must(kName, connect(database).run_script(sql));
}

std::string PostgresServer::value(const std::string& sql, const std::string& database) const {
    auto connection = connect(database);
    const auto rows = must(kName, connection.query_once({"test_value", sql}));
    return rows.empty() || rows.is_null(0, 0) ? "" : std::string(rows.text(0, 0));
}

void PostgresServer::set(const std::string& setting) const {
    run("ALTER SYSTEM SET " + setting);
    run("SELECT pg_reload_conf()");
}

}  // namespace ledgerline::test
