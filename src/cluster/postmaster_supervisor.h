// PostmasterSupervisor: the thread that runs the postmaster of a private cluster, and starts it again when it ends
// without having been asked to, or when nobody can connect to it any more because its socket is gone.
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
    std::optional<OsUser> user;  // null: the user that we are
    std::string probe_url;       // of a database that the cluster has from its beginning
    milliseconds start_timeout{};
    milliseconds stop_timeout{};
    std::function<bool()> cancelled{};  // whether the first start should end
};

class PostmasterSupervisor {
public:
    PostmasterSupervisor(SupervisorConfig config, Random& random);
    ~PostmasterSupervisor() { stop(); }

    // Returns when the cluster accepts connections, or with the reason why it does not (cluster_start_failed); then
    // nothing runs.
    Result<void> start();
    void stop();

    int postmaster_pid() const;
    unsigned restarts() const;
    bool wait_restarts(unsigned count, milliseconds at_most) const;

private:
    enum class Phase { starting, running, failed };

    void run();
    // One life of the postmaster: until it has ended, or until stop() was called and it was ended.
    Result<void> run_once();
    Result<ChildProcess> spawn();
    Result<void> wait_ready(ChildProcess& postmaster);
    // Until the postmaster has ended or should: why.
    std::string watch(ChildProcess& postmaster);
    void end(ChildProcess& postmaster);
    bool stopping() const;
    // Waits for stop(); whether it was called.
    bool sleep(milliseconds at_most) const;
    void set_phase(Phase phase, int pid);

    SupervisorConfig config_;
    Backoff backoff_;                      // of the thread
    std::uintmax_t log_bytes_before_ = 0;  // of the thread: before the postmaster under way was started
    std::thread thread_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    // Guarded by mutex_.
    Phase phase_ = Phase::starting;
    bool stopping_ = false;
    int pid_ = 0;
    unsigned starts_ = 0;  // that came to accept connections
    Error last_error_;
};

}  // namespace ledgerline::cluster
