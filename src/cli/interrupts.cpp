#include "cli/interrupts.h"

#include <pthread.h>

namespace ledgerline::cli {

Interrupts::Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

Interrupts::~Interrupts() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool Interrupts::wait(milliseconds at_most) {
    const timespec timeout{at_most.count() / 1000, (at_most.count() % 1000) * 1'000'000};
    return sigtimedwait(&signals_, nullptr, &timeout) > 0;
}

}  // namespace ledgerline::cli
