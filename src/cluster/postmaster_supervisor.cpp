#include "cluster/postmaster_supervisor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "cluster/cluster_log.h"
#include "cluster/cluster_processes.h"
#include "cluster/cluster_setup.h"
#include "db/connection.h"
#include "observe/log.h"

namespace ledgerline::cluster {
namespace {

constexpr Backoff::Limits kRestartBackoff{milliseconds(100), milliseconds(5000)};
// A postmaster that has lived this long resets the backoff.
constexpr milliseconds kLivedLong{30000};
constexpr milliseconds kProbeInterval{25};
constexpr milliseconds kProbeTimeout{2000};
constexpr milliseconds kWatchInterval{200};  // how soon a crash or stop() is noticed
constexpr milliseconds kImmediateTimeout{5000};

SteadyTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

PostmasterSupervisor::PostmasterSupervisor(SupervisorConfig config, Random& random)
    : config_(std::move(config)), backoff_(kRestartBackoff, random) {}

Result<void> PostmasterSupervisor::start() {
    LEDGERLINE_ASSERT(!thread_.joinable());
    {
        const std::lock_guard lock(mutex_);
        phase_ = Phase::starting;
        stopping_ = false;
        starts_ = 0;
    }
    backoff_.reset();
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "pg-supervisor");
    std::unique_lock lock(mutex_);
    // Bounded by the thread's own deadlines.
    changed_.wait(lock, [this] { return phase_ != Phase::starting; });
    if (phase_ == Phase::running) return {};
    Error error = last_error_;
    lock.unlock();
    thread_.join();
    return std::unexpected(std::move(error));
}

void PostmasterSupervisor::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

int PostmasterSupervisor::postmaster_pid() const {
    const std::lock_guard lock(mutex_);
    return pid_;
}

unsigned PostmasterSupervisor::restarts() const {
    const std::lock_guard lock(mutex_);
    return starts_ > 0 ? starts_ - 1 : 0;
}

bool PostmasterSupervisor::wait_restarts(unsigned count, milliseconds at_most) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [&] { return starts_ > count; });
}

bool PostmasterSupervisor::stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

bool PostmasterSupervisor::sleep(milliseconds at_most) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [this] { return stopping_; });
}

void PostmasterSupervisor::set_phase(Phase phase, int pid) {
    {
        const std::lock_guard lock(mutex_);
        if (phase == Phase::running) ++starts_;
        phase_ = phase;
        pid_ = pid;
    }
    changed_.notify_all();
}

void PostmasterSupervisor::run() {
    bool has_run = false;
    while (!stopping()) {
        const SteadyTime born = now();
        Result<void> lived;
        try {
            lived = run_once();
        } catch (const std::exception& exception) {
            lived = failure(Disposition::retry, "exception", exception.what());
        }
        {
            const std::lock_guard lock(mutex_);
            pid_ = 0;
            has_run = starts_ > 0;
            if (!lived) last_error_ = lived.error();
        }
        if (stopping()) return;
        if (!has_run) {
            set_phase(Phase::failed, 0);
            return;
        }
        if (now() - born > kLivedLong) backoff_.reset();
        const milliseconds pause = backoff_.next();
        log::error("PostgreSQL ended or cannot be reached; restarting it",
                   {{"reason", lived ? std::string("unknown") : lived.error().message}, {"pause_ms", pause.count()}});
        if (sleep(pause)) return;
    }
}

Result<void> PostmasterSupervisor::run_once() {
    LEDGERLINE_CHECK(end_cluster_processes(config_.paths, config_.user ? config_.user->uid : geteuid()));
    LEDGERLINE_CHECK(make_socket_dir(config_.paths.socket_dir, config_.user ? &*config_.user : nullptr));
    LEDGERLINE_TRY(ChildProcess postmaster, spawn());
    if (auto ready = wait_ready(postmaster); !ready) {
        end(postmaster);
        return ready;
    }
    set_phase(Phase::running, postmaster.pid());
    const std::string reason = watch(postmaster);
    end(postmaster);
    return failure(Disposition::retry, "cluster_ended", reason);
}

Result<ChildProcess> PostmasterSupervisor::spawn() {
    rotate_log(config_.paths.log);
    log_bytes_before_ = log_bytes(config_.paths.log);
    LEDGERLINE_TRY(const int log, open_log(config_.paths.log));
    ProgramStart start;
    start.arguments = {(config_.bin_dir / "postgres").string(), "-D", config_.paths.cluster.string()};
    start.environment = postgres_environment();
    start.user = config_.user ? &*config_.user : nullptr;
    start.output = log;
    start.death_signal = SIGINT;  // a fast shutdown
    auto postmaster = ChildProcess::start(start);
    close(log);
    return postmaster;
}

Result<void> PostmasterSupervisor::wait_ready(ChildProcess& postmaster) {
    const db::ConnectionConfig probe{
        .url = config_.probe_url, .application_name = "ledgerline-supervisor", .connect_timeout = kProbeTimeout};
    const SteadyTime deadline = now() + config_.start_timeout;
    std::string reason;
    while (!postmaster.wait(kProbeInterval)) {
        const auto connection = db::Connection::open(probe);
        if (connection) return {};
        reason = connection.error().message;
        if (config_.cancelled && config_.cancelled())
            return failure(Disposition::retry, "start_cancelled", "cancelled while PostgreSQL was starting");
        if (connection.error().disposition == Disposition::stop || now() >= deadline || stopping())
            return failure(Disposition::stop, "cluster_start_failed", "PostgreSQL does not start: " + reason);
    }
    return failure(Disposition::stop, "cluster_start_failed",
                   fmt::format("PostgreSQL does not start: {}. The end of {}: {}", postmaster.outcome(),
                               config_.paths.log.string(), log_tail(config_.paths.log, log_bytes_before_)));
}

std::string PostmasterSupervisor::watch(ChildProcess& postmaster) {
    const auto socket = socket_identity(config_.paths.socket_dir);
    while (!sleep(kWatchInterval)) {
        if (postmaster.wait(milliseconds(0))) return "the postmaster ended: " + postmaster.outcome();
        // The postmaster itself would not notice: it created its socket and listens on it, whether the file exists or
        // not.
        if (socket_identity(config_.paths.socket_dir) != socket)
            return "its socket in " + config_.paths.socket_dir.string() + " is gone";
        try {
            rotate_log(config_.paths.log);
        } catch (const std::exception& exception) {  // no reason to end a running server
            log::error("cannot rotate PostgreSQL's log", {{"reason", exception.what()}});
        }
    }
    return "stopped";
}

void PostmasterSupervisor::end(ChildProcess& postmaster) {
    if (postmaster.wait(milliseconds(0))) return;
    postmaster.signal(SIGINT);
    if (postmaster.wait(config_.stop_timeout)) return;
    log::warn("PostgreSQL does not stop; requesting an immediate shutdown",
              {{"waited_ms", config_.stop_timeout.count()}});
    postmaster.signal(SIGQUIT);
    if (postmaster.wait(kImmediateTimeout)) return;
    postmaster.signal(SIGKILL);
    postmaster.wait(kImmediateTimeout);
}

}  // namespace ledgerline::cluster
