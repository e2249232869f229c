#include "cluster/cluster_setup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "cluster/child_process.h"
#include "cluster/cluster_log.h"

namespace ledgerline::cluster {
namespace {

// Begins the names of an unfinished cluster and of its password file.
constexpr std::string_view kMakingPrefix = "postgres.making-";
// Of the write-ahead log. Until old segments can be used again, whoever needs the next one writes it out in zeros, and
// all commits wait: 4 ms with this size, 15 with PostgreSQL's 16 MB.
constexpr int kLogSegmentMb = 4;
// How often to check whether initdb has ended or should be cancelled.
constexpr milliseconds kLookInterval{100};
constexpr milliseconds kAskTimeout{10'000};

void remove_half_made(const ClusterPaths& paths) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(paths.data_dir, ignored))
        if (entry.path().filename().string().starts_with(kMakingPrefix))
            std::filesystem::remove_all(entry.path(), ignored);
}

Result<void> make_empty_dir(const std::filesystem::path& directory, const OsUser* user) {
    if (mkdir(directory.c_str(), 0700) != 0 || (user && chown(directory.c_str(), user->uid, user->gid) != 0))
        return failure(Disposition::stop, "data_dir_unusable",
                       fmt::format("cannot create {}: {}", directory.string(), std::strerror(errno)));
    return {};
}

Result<void> run_initdb(const ClusterPaths& paths, ProgramStart start, const InitdbConfig& config) {
    const auto log_bytes_before = log_bytes(paths.initdb_log);
    LEDGERLINE_TRY(const int log, open_log(paths.initdb_log));
    start.output = log;
    auto initdb = ChildProcess::start(start);
    close(log);
    if (!initdb) return std::unexpected(std::move(initdb).error());
    const SteadyTime deadline = std::chrono::steady_clock::now() + config.timeout;
    bool ended = false;
    while (!(ended = initdb->wait(kLookInterval)) && std::chrono::steady_clock::now() < deadline)
        if (config.cancelled && config.cancelled())
            return failure(Disposition::retry, "start_cancelled", "cancelled during initdb");
    if (ended && initdb->succeeded()) return {};
    return failure(Disposition::stop, "initdb_failed",
                   fmt::format("initdb failed: {}: {}",
                               ended ? initdb->outcome() : fmt::format("not done after {} ms", config.timeout.count()),
                               log_tail(paths.initdb_log, log_bytes_before)));
}

}  // namespace

std::vector<std::string> postgres_environment() {
    std::vector<std::string> variables{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                       "TZ=UTC"};
    bool wrapped = false;
    for (const char* const* entry = environ; entry && *entry; ++entry) {
        const std::string_view variable = *entry;
        const bool is_wrapper = variable.starts_with("NSS_WRAPPER_");
        if (is_wrapper || variable.starts_with("LD_LIBRARY_PATH=")) variables.emplace_back(variable);
        wrapped = wrapped || is_wrapper;
    }
    const char* preload = wrapped ? std::getenv("LD_PRELOAD") : nullptr;
    if (preload) variables.push_back(std::string("LD_PRELOAD=") + preload);
    return variables;
}

int cluster_major(const ClusterPaths& paths) {
    const auto text = read_small_file(paths.cluster / "PG_VERSION");
    int major = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), major);
    return major;
}

Result<void> create_cluster(const ClusterPaths& paths, const PostgresBinaries& binaries, const OsUser* user,
                            Random& random, const InitdbConfig& config) {
    remove_half_made(paths);
    // A new name each time, out of the way of whatever an initdb of a killed run may still be writing.
    const auto making = paths.data_dir / fmt::format("{}{:016x}", kMakingPrefix, random.next());
    const std::filesystem::path password_file = making.string() + "-password";
    const std::string password = make_password(random);
    LEDGERLINE_CHECK(make_empty_dir(making, user));
    // initdb reads it as its own user; the other copy stays ours.
    LEDGERLINE_CHECK(write_private_file(password_file, password, user));
    LEDGERLINE_CHECK(write_private_file(paths.password, password, nullptr));

    ProgramStart start;
    start.arguments = {(binaries.directory / "initdb").string(),
                       "--pgdata=" + making.string(),
                       "--username=ledgerline",
                       "--pwfile=" + password_file.string(),
                       "--auth=scram-sha-256",
                       "--data-checksums",
                       fmt::format("--wal-segsize={}", kLogSegmentMb),
                       "--encoding=UTF8",
                       "--locale=C"};
    if (!config.durable) start.arguments.push_back("--no-sync");
    start.environment = postgres_environment();
    start.user = user;
    start.death_signal = SIGKILL;
    auto made = run_initdb(paths, std::move(start), config);
    if (made && rename(making.c_str(), paths.cluster.c_str()) != 0)
        made = failure(Disposition::stop, "data_dir_unusable",
                       fmt::format("cannot rename {}: {}", making.string(), std::strerror(errno)));
    remove_half_made(paths);
    LEDGERLINE_CHECK(std::move(made));
    return sync_directory(paths.data_dir);
}

bool has_lz4(const ClusterPaths& paths, const PostgresBinaries& binaries, const OsUser* user) {
    ProgramStart start;
    start.arguments = {binaries.directory / "postgres", "-D", paths.cluster,    "-c",
                       "wal_compression=lz4",           "-C", "wal_compression"};
    start.environment = postgres_environment();
    start.user = user;
    start.death_signal = SIGKILL;
    start.output = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (start.output < 0) return false;
    auto asked = ChildProcess::start(start);
    close(start.output);
    return asked && asked->wait(kAskTimeout) && asked->succeeded();
}

std::string describe(const ClusterSettings& settings) {
    const ClusterSizes& sizes = settings.sizes;
    return fmt::format("shared_buffers {} MB, wal_buffers {} MB, max_wal_size {} MB, wal_compression {}",
                       sizes.shared_buffers, sizes.wal_buffers, sizes.max_wal, settings.lz4 ? "lz4" : "on");
}

Result<void> write_settings(const ClusterPaths& paths, const OsUser* user, const ClusterSettings& settings) {
    const ClusterSizes& sizes = settings.sizes;
    const std::string text = fmt::format(
        R"(# Written by ledgerline at every start. For your own settings use ALTER SYSTEM SET, which takes precedence.
cluster_name = '{}'
listen_addresses = ''
unix_socket_directories = '{}'
unix_socket_permissions = 0700
port = 5432
max_connections = {}
fsync = {}
full_page_writes = on
password_encryption = 'scram-sha-256'

# Sized for this machine, which also runs ledgerline.
shared_buffers = '{}MB'
effective_cache_size = '{}MB'
work_mem = '16MB'
maintenance_work_mem = '{}MB'
max_parallel_workers_per_gather = 0
jit = off
random_page_cost = 1.1

# Few checkpoints: after each, every changed page is written to the log in full.
wal_compression = {}
wal_buffers = '{}MB'
checkpoint_timeout = '15min'
max_wal_size = '{}MB'
min_wal_size = '{}MB'

autovacuum_naptime = '10s'
log_timezone = 'UTC'
timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
)",
        paths.cluster_name, paths.socket_dir.string(), settings.connections_max, settings.durable ? "on" : "off",
        sizes.shared_buffers, sizes.effective_cache, sizes.maintenance_work, settings.lz4 ? "lz4" : "on",
        sizes.wal_buffers, sizes.max_wal, sizes.max_wal / 8);
    return write_private_file(paths.cluster / "postgresql.conf", text, user);
}

}  // namespace ledgerline::cluster
