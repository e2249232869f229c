#include "app/signals.h"

#include <csignal>

#include <unistd.h>

namespace ledgerline::app {
namespace {

sigset_t termination_set() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

}  // namespace

TerminationSignals::TerminationSignals() {
    const sigset_t set = termination_set();
    LEDGERLINE_ASSERT(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
    std::signal(SIGPIPE, SIG_IGN);
}

std::optional<Error> TerminationSignals::wait() {
    const sigset_t set = termination_set();
    int signal = 0;
    while (sigwait(&set, &signal) != 0) {
    }
    std::lock_guard lock(mutex_);
    return failure_;
}

bool TerminationSignals::pending() const {
    sigset_t set;
    sigemptyset(&set);
    sigpending(&set);
    return sigismember(&set, SIGTERM) == 1 || sigismember(&set, SIGINT) == 1;
}

void TerminationSignals::fail(const Error& error) {
    {
        std::lock_guard lock(mutex_);
        if (!failure_) failure_ = error;
    }
    kill(getpid(), SIGTERM);
}

}  // namespace ledgerline::app
