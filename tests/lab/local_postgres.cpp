#include "lab/local_postgres.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/wakeup.h"
#include "cluster/postgres_binaries.h"
#include "lab/loopback.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kPatience{120'000};
constexpr milliseconds kLook{20};
constexpr const char* kDatabase = "ledger";

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "local PostgreSQL: %s\n", why.c_str());
    std::_Exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) give_up(result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

LocalPostgres::LocalPostgres(const Options& options)
    : programs_(must(cluster::find_postgres({}, 0)).directory),
      user_(must(cluster::cluster_user(""))),
      port_(free_loopback_port()) {
    data_ = prepare(options.directory.empty() ? dir_.path() / "data" : options.directory);
    const std::filesystem::path wal = prepare(dir_.path() / "wal");
    run({programs_ / "initdb", "--pgdata=" + data_.string(), "--waldir=" + wal.string(), "--username=postgres",
         "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"});
    std::ofstream(data_ / "postgresql.conf", std::ios::app) << fmt::format(
        "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nshared_buffers = '16MB'\n"
        "jit = off\nmax_connections = 60\nport = {}\n{}\n",
        port_, options.settings);
    start();
    create_database();
}

LocalPostgres::LocalPostgres(const StandbyOf& standby)
    : programs_(standby.primary.programs_), user_(standby.primary.user_), port_(free_loopback_port()) {
    data_ = prepare(dir_.path() / "data");
    run({programs_ / "pg_basebackup", "--pgdata=" + data_.string(), "--write-recovery-conf", "--checkpoint=fast",
         "--no-sync", fmt::format("--dbname=postgresql://postgres@{}/", standby.primary.address())});
    std::ofstream(data_ / "postgresql.conf", std::ios::app) << fmt::format("port = {}\n", port_);
    start();
}

LocalPostgres::~LocalPostgres() { stop(); }

std::filesystem::path LocalPostgres::prepare(const std::filesystem::path& directory) const {
    std::filesystem::create_directories(directory);
    if (chmod(directory.c_str(), 0700) != 0 || (user_ && chown(directory.c_str(), user_->uid, user_->gid) != 0))
        give_up("its directory cannot be given away");
    return directory;
}

void LocalPostgres::run(std::vector<std::string> arguments) const {
    const std::filesystem::path log = dir_.path() / "made.log";
    const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    auto child = must(cluster::ChildProcess::start({.arguments = std::move(arguments),
                                                    .environment = {"PATH=/usr/bin:/bin"},
                                                    .user = user_ ? &*user_ : nullptr,
                                                    .output = output,
                                                    .death_signal = SIGKILL}));
    close(output);
    if (child.wait(kPatience) && child.succeeded()) return;
    child.signal(SIGKILL);
    std::ifstream said(log);
    give_up(std::string(std::istreambuf_iterator<char>(said), {}));
}

void LocalPostgres::start() {
    if (server_) return;
    const int output = open((dir_.path() / "server.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    server_.emplace(must(cluster::ChildProcess::start({.arguments = {programs_ / "postgres", "-D", data_},
                                                       .environment = {},
                                                       .user = user_ ? &*user_ : nullptr,
                                                       .output = output,
                                                       .death_signal = SIGQUIT})));
    close(output);
    connect("postgres");
}

// Every session ends at once.
void LocalPostgres::stop() {
    if (!server_) return;
    server_->signal(SIGQUIT);
    if (!server_->wait(kPatience)) give_up("it does not stop");
    server_.reset();
}

std::string LocalPostgres::address() const { return fmt::format("127.0.0.1:{}", port_); }

std::string LocalPostgres::url() const { return fmt::format("postgresql://ledgerline@{}/{}", address(), kDatabase); }

// Waits for a server that starts.
db::Connection LocalPostgres::connect(const std::string& database) const {
    const db::ConnectionConfig config{.url = fmt::format("postgresql://postgres@{}/{}", address(), database),
                                      .application_name = "ledgerline-test-support"};
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (true) {
        auto opened = db::Connection::open(config);
        if (opened) return *std::move(opened);
        if (std::chrono::steady_clock::now() > end) give_up(opened.error().message);
        Wakeup().wait(kLook);
    }
}

void LocalPostgres::create_database() const {
    auto server = connect("postgres");
    must(server.run_script("CREATE ROLE ledgerline LOGIN"));
    must(server.run_script(fmt::format("CREATE DATABASE {} OWNER ledgerline", kDatabase)));
}

std::string LocalPostgres::value(const std::string& sql) const {
    auto connection = connect(kDatabase);
    const auto rows = must(connection.query_once({"local_value", sql}));
    return rows.empty() || rows.is_null(0, 0) ? "" : std::string(rows.text(0, 0));
}

void LocalPostgres::set(const std::string& setting) const {
    auto connection = connect(kDatabase);
    must(connection.run_script("ALTER SYSTEM SET " + setting));
    must(connection.run_script("SELECT pg_reload_conf()"));
}

}  // namespace ledgerline::test
