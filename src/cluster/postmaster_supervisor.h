// PostmasterSupervisor: the thread that runs the postmaster of a private cluster, and restarts it when it ends without
// having been asked to, or when nobody can connect because its socket is gone.
//
// start() and stop() are for one thread at a time; the others are safe to use from any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/child_process.h"
#include "cluster/cluster_files.h"
#include "cluster/os_user.h"

namespace ledgerline::cluster {

struct SupervisorConfig {
    ClusterPaths paths;
    std::filesystem::path bin_dir;
    std::optional<OsUser> user;  // null: our own user
    std::string probe_url;       // of a database that every new cluster has
    milliseconds start_timeout{};
    milliseconds stop_timeout{};
    std::function<bool()> cancelled{};  // whether to cancel the first start
};

class PostmasterSupervisor {
public:
    PostmasterSupervisor(SupervisorConfig config, Random& random);
    ~PostmasterSupervisor() { stop(); }

    // Returns when the cluster accepts connections, or with the reason why it does not (cluster_start_failed); then
    // nothing is running.
    Result<void> start();
    void stop();

    int postmaster_pid() const;
    unsigned restarts() const;
    bool wait_restarts(unsigned count, milliseconds at_most) const;

private:
    enum class Phase { starting, running, failed };

    void run();
    // One life of the postmaster: until it has ended by itself or because stop() was called.
    Result<void> run_once();
    Result<ChildProcess> spawn();
    Result<void> wait_ready(ChildProcess& postmaster);
    // Returns once the postmaster has ended or should end, with the reason.
    std::string watch(ChildProcess& postmaster);
    void end(ChildProcess& postmaster);
    bool stopping() const;
    // Waits for stop(). Returns whether it was called.
    bool sleep(milliseconds at_most) const;
    void set_phase(Phase phase, int pid);

    SupervisorConfig config_;
    Backoff backoff_;                      // used only by the thread
    std::uintmax_t log_bytes_before_ = 0;  // used only by the thread: size before the current start
    std::thread thread_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    // Guarded by mutex_.
    Phase phase_ = Phase::starting;
    bool stopping_ = false;
    int pid_ = 0;
    unsigned starts_ = 0;  // only those that accepted connections
    Error last_error_;
};

}  // namespace ledgerline::cluster
