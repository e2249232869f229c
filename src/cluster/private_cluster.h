// PrivateCluster: the PostgreSQL cluster that `ledgerline up` keeps under its data directory when no database was
// given. It creates the cluster, starts it, restarts it when it crashes or its socket vanishes, and stops it.
//
// The cluster listens on a unix socket only, with a random password. Under root it runs as an ordinary user. Nothing
// that an earlier run left behind keeps it from starting: neither a killed ledgerline, whose postmaster may still run,
// nor a half-made cluster, nor stale files. Safe to use from any thread between start() and stop(), which are for one
// thread at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/os_user.h"

namespace ledgerline::cluster {

struct PrivateClusterConfig {
    std::filesystem::path data_dir;
    std::filesystem::path bin_dir{};  // of PostgreSQL's programs; empty: find it
    std::string os_user{};            // to run as when started by root; empty: postgres, or else nobody
    milliseconds init_timeout{120000};
    milliseconds start_timeout{300000};  // for one start, crash recovery included
    milliseconds stop_timeout{30000};    // for a fast shutdown; an immediate one follows
    unsigned connections_max = 100;
    // False: committed data may be lost when the machine goes down. For tests only.
    bool durable = true;
    // Receives progress messages about slow steps; called by the thread in start().
    std::function<void(std::string_view)> on_progress{};
    // Polled by start(), which gives up once it returns true.
    std::function<bool()> cancelled{};
};

// Whether start() would find what it needs on this machine: PostgreSQL's programs, and a user to run them as. Creates
// nothing. Codes: postgres_missing, no_such_user.
Result<void> check_machine(const PrivateClusterConfig& config);
// The user that a root process runs the cluster as: the owner of the existing one, or else cluster_user()'s choice.
// Null when this process is not root.
Result<std::optional<OsUser>> cluster_owner(const PrivateClusterConfig& config);

class PrivateCluster {
public:
    // The randomness must outlive it.
    PrivateCluster(PrivateClusterConfig config, Random& random);
    ~PrivateCluster();  // stops it

    // Returns when the cluster accepts connections and has its database. Every failure leaves nothing running. Codes:
    // data_dir_in_use (names the pid that runs on it), data_dir_unreachable (names the directory and the user),
    // data_dir_unusable, postgres_missing, no_such_user, initdb_failed, cluster_start_failed, start_cancelled (retry).
    Result<void> start();
    // Ends the sessions and stops the cluster, within stop_timeout plus half a minute. Does nothing when it is stopped.
    void stop();

    // The libpq URL of its database. Valid after start() has succeeded once.
    std::string url() const;
    // 0 while there is none.
    int postmaster_pid() const;
    // How often the cluster was restarted after a crash, counted once it accepts connections.
    unsigned restarts() const;
    // Waits until restarts() is at least count. False when at_most passes first.
    bool wait_restarts(unsigned count, milliseconds at_most) const;

private:
    struct Running;
    Result<std::unique_ptr<Running>> prepare();

    PrivateClusterConfig config_;
    Random& random_;
    std::string url_;
    std::unique_ptr<Running> running_;  // null while stopped
};

// The URL of the cluster in data_dir, running or not. Refused with this code when there is none.
inline constexpr std::string_view no_cluster = "no_cluster";
Result<std::string> database_url(const std::filesystem::path& data_dir);

}  // namespace ledgerline::cluster
