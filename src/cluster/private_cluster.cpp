#include "cluster/private_cluster.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <system_error>

#include "cluster/cluster_files.h"
#include "cluster/cluster_setup.h"
#include "cluster/data_dir_lock.h"
#include "cluster/os_user.h"
#include "cluster/postgres_binaries.h"
#include "cluster/postmaster_supervisor.h"
#include "db/connection.h"
#include "observe/log.h"
#include "sql/queries.h"

namespace ledgerline::cluster {
namespace {

constexpr std::string_view kDatabase = "ledgerline";
constexpr std::string_view kFirstDatabase = "postgres";  // created by initdb

void tell(const PrivateClusterConfig& config, const std::string& what) {
    log::info(what);
    if (config.on_progress) config.on_progress(what);
}

Result<void> create_database(const std::string& url) {
    LEDGERLINE_TRY(auto connection,
                   db::Connection::open(
                       {.url = url, .application_name = "ledgerline-setup", .statement_timeout = milliseconds(60000)}));
    LEDGERLINE_TRY(const auto database, connection.query_row(sql::ClusterDatabaseExists{}));
    if (database.found) return {};
    LEDGERLINE_CHECK(connection.execute(sql::ClusterCreateDatabase{}));
    return {};
}

}  // namespace

Result<std::optional<OsUser>> cluster_owner(const PrivateClusterConfig& config) {
    struct stat status{};
    const bool exists = stat((config.data_dir / "postgres").c_str(), &status) == 0;
    if (geteuid() == 0 && exists && status.st_uid != 0 && config.os_user.empty())
        if (auto owner = find_user(status.st_uid)) return owner;
    return cluster_user(config.os_user);
}

Result<void> check_machine(const PrivateClusterConfig& config) {
    LEDGERLINE_CHECK(cluster_owner(config));
    const auto paths = ClusterPaths::of(config.data_dir);
    const int major = paths ? cluster_major(*paths) : 0;
    LEDGERLINE_CHECK(find_postgres(config.bin_dir, major));
    // initdb looks up its user's name; the server does not.
    if (major == 0 && geteuid() != 0 && !find_user(geteuid()))
        return failure(
            Disposition::stop, "no_such_user",
            fmt::format("user id {} has no name on this machine, and PostgreSQL's initdb needs one: run as a "
                        "user of /etc/passwd, add an entry there, preload libnss_wrapper with "
                        "NSS_WRAPPER_PASSWD, or give a database with DATABASE_URL",
                        geteuid()));
    return {};
}

// What exists only while the cluster runs.
struct PrivateCluster::Running {
    DataDirLock lock;
    ClusterPaths paths;
    std::optional<OsUser> user;
    PostgresBinaries binaries{};
    std::string password{};
    ClusterSettings settings{};
    std::unique_ptr<PostmasterSupervisor> supervisor{};
};

PrivateCluster::PrivateCluster(PrivateClusterConfig config, Random& random)
    : config_(std::move(config)), random_(random) {}
PrivateCluster::~PrivateCluster() { stop(); }

Result<void> PrivateCluster::start() {
    if (running_) return {};
    LEDGERLINE_TRY(auto running, prepare());
    tell(config_, fmt::format("starting PostgreSQL in {} with {}", running->paths.data_dir.string(),
                              describe(running->settings)));
    running->supervisor = std::make_unique<PostmasterSupervisor>(
        SupervisorConfig{.paths = running->paths,
                         .bin_dir = running->binaries.directory,
                         .user = running->user,
                         .probe_url = running->paths.url(running->password, kFirstDatabase),
                         .start_timeout = config_.start_timeout,
                         .stop_timeout = config_.stop_timeout,
                         .cancelled = config_.cancelled},
        random_);
    LEDGERLINE_CHECK(running->supervisor->start());
    LEDGERLINE_CHECK(create_database(running->paths.url(running->password, kFirstDatabase)));
    url_ = running->paths.url(running->password, kDatabase);
    running_ = std::move(running);
    return {};
}

Result<std::unique_ptr<PrivateCluster::Running>> PrivateCluster::prepare() {
    LEDGERLINE_CHECK(check_machine(config_));
    LEDGERLINE_TRY(auto user, cluster_owner(config_));
    const OsUser* os_user = user ? &*user : nullptr;
    LEDGERLINE_CHECK(make_data_dir(config_.data_dir, os_user));
    LEDGERLINE_TRY(auto paths, ClusterPaths::of(config_.data_dir));
    if (os_user) LEDGERLINE_CHECK(check_reachable(paths.data_dir, *os_user));
    LEDGERLINE_TRY(auto lock, DataDirLock::acquire(paths.data_dir));
    LEDGERLINE_TRY(auto binaries, find_postgres(config_.bin_dir, cluster_major(paths)));
    if (cluster_major(paths) == 0) {
        tell(config_, fmt::format("creating a PostgreSQL {} cluster in {}{}", binaries.major, paths.data_dir.string(),
                                  user ? " as user " + user->name : ""));
        LEDGERLINE_CHECK(create_cluster(
            paths, binaries, os_user, random_,
            {.timeout = config_.init_timeout, .durable = config_.durable, .cancelled = config_.cancelled}));
    }
    LEDGERLINE_CHECK(choose_socket_dir(paths, os_user));
    const ClusterSettings settings{.connections_max = config_.connections_max,
                                   .durable = config_.durable,
                                   .sizes = sizes_for(sizes_of_machine(paths.data_dir)),
                                   .lz4 = has_lz4(paths, binaries, os_user)};
    LEDGERLINE_CHECK(write_settings(paths, os_user, settings));
    LEDGERLINE_TRY(auto password, read_small_file(paths.password));
    return std::make_unique<Running>(Running{std::move(lock), std::move(paths), std::move(user), std::move(binaries),
                                             std::move(password), settings});
}

void PrivateCluster::stop() {
    if (!running_) return;
    running_->supervisor->stop();
    remove_socket_dir(running_->paths.socket_dir);
    running_.reset();
}

std::string PrivateCluster::url() const {
    LEDGERLINE_ASSERT(!url_.empty());
    return url_;
}
int PrivateCluster::postmaster_pid() const { return running_ ? running_->supervisor->postmaster_pid() : 0; }
unsigned PrivateCluster::restarts() const { return running_ ? running_->supervisor->restarts() : 0; }
bool PrivateCluster::wait_restarts(unsigned count, milliseconds at_most) const {
    return running_ && running_->supervisor->wait_restarts(count, at_most);
}

Result<std::string> database_url(const std::filesystem::path& data_dir) {
    const auto paths = ClusterPaths::of(data_dir);
    if (!paths || cluster_major(*paths) == 0) {
        return failure(
            Disposition::refuse, std::string(no_cluster),
            fmt::format("there is no database of ledgerline in {} that this user can see", data_dir.string()));
    }
    LEDGERLINE_TRY(const auto password, read_small_file(paths->password));
    return paths->url(password, kDatabase);
}

}  // namespace ledgerline::cluster
