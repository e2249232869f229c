#include "roles/signals.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <span>

#include "observe/log.h"
#include "roles/exit_code.h"
#include "roles/exit_deadline.h"

namespace ledgerline::roles {
namespace {

constexpr int kTaken[] = {SIGTERM, SIGINT, SIGHUP};
constexpr int kInterrupts[] = {SIGINT, SIGTERM};
// Signals that end a process by default although nothing is wrong in it. Faults (SIGSEGV, SIGABRT, ...) keep their
// effect, and so do signals that stop and continue. Writes to closed pipes and beyond a file size limit return errors
// instead.
constexpr int kIgnored[] = {SIGQUIT, SIGPIPE,   SIGALRM, SIGUSR1, SIGUSR2, SIGXFSZ,
                            SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT};

// Makes the thread look at what has changed.
int wake_signal() { return SIGRTMIN; }

sigset_t set_of(std::span<const int> numbers) {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : numbers) sigaddset(&set, number);
    return set;
}

sigset_t taken_set() {
    sigset_t set = set_of(kTaken);
    sigaddset(&set, wake_signal());
    return set;
}

// The next signal of the set; nothing when deadline passes first.
std::optional<int> next_of(const sigset_t& set, std::optional<SteadyTime> deadline) {
    while (true) {
        int number = 0;
        if (!deadline) {
            number = sigwaitinfo(&set, nullptr);
        } else {
            const auto left = std::max(*deadline - std::chrono::steady_clock::now(), SteadyTime::duration(0));
            const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
            const timespec time{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
            number = sigtimedwait(&set, nullptr, &time);
            if (number < 0 && errno == EAGAIN) return std::nullopt;
        }
        if (number > 0) return number;
    }
}

void ignore(int number) {
    struct sigaction current{};
    if (sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) std::signal(number, SIG_IGN);
}

}  // namespace

void Signals::claim() {
    const sigset_t set = taken_set();
    LEDGERLINE_ASSERT(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
    for (const int number : kIgnored) ignore(number);
    for (int number = wake_signal() + 1; number <= SIGRTMAX; ++number) ignore(number);
}

Signals::Signals() : thread_([this] { run(); }) { pthread_setname_np(thread_.native_handle(), "signals"); }

Signals::~Signals() {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    wake();
    thread_.join();
}

std::optional<Error> Signals::wait() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return asked_ > 0 || failure_; });
    return failure_;
}

std::optional<Error> Signals::wait_again(milliseconds at_most) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [this] { return asked_ > 1 || failure_; });
    return failure_;
}

bool Signals::pending() const {
    const std::lock_guard lock(mutex_);
    return asked_ > 0 || failure_;
}

void Signals::fail(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error;
    changed_.notify_all();
}

void Signals::on_hangup(std::function<void()> reload) {
    const std::lock_guard lock(reload_mutex_);
    reload_ = std::move(reload);
}

void Signals::run() {
    const sigset_t set = taken_set();
    std::optional<SteadyTime> deadline;
    while (true) {
        const auto number = next_of(set, deadline);
        {
            const std::lock_guard lock(mutex_);
            if (ended_) return;
            if (number == SIGTERM || number == SIGINT) {
                ++asked_;
                changed_.notify_all();
            }
            if (asked_ == 0 || !prompt_)
                deadline.reset();
            else if (!deadline)
                deadline = std::chrono::steady_clock::now() + EndsPromptly::noticed_within;
        }
        if (number == SIGHUP) hang_up();
        if (!number && deadline) {
            try {
                log::info("stopped while starting");
            } catch (...) {  // nothing may keep it from exiting
                leave_at_once(exit_ok);
            }
            leave_at_once(exit_ok);
        }
    }
}

void Signals::hang_up() {
    const std::lock_guard lock(reload_mutex_);
    if (!reload_) return log::info("SIGHUP: there is nothing to reload");
    try {
        reload_();
    } catch (const std::exception& exception) {  // the thread must live: it is the one that receives SIGTERM
        log::error("SIGHUP: reloading failed", {{"reason", exception.what()}});
    }
}

void Signals::wake() { pthread_kill(thread_.native_handle(), wake_signal()); }

Signals::EndsPromptly::EndsPromptly(Signals& signals) : signals_(signals) {
    {
        const std::lock_guard lock(signals_.mutex_);
        signals_.prompt_ = true;
    }
    signals_.wake();
}

Signals::EndsPromptly::~EndsPromptly() {
    const std::lock_guard lock(signals_.mutex_);
    signals_.prompt_ = false;
}

Interrupts::Interrupts() : signals_(set_of(kInterrupts)) {
    LEDGERLINE_ASSERT(pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0);
}

Interrupts::~Interrupts() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool Interrupts::wait(milliseconds at_most) {
    return next_of(signals_, std::chrono::steady_clock::now() + at_most).has_value();
}

}  // namespace ledgerline::roles
