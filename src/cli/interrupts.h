// Interrupts: SIGINT and SIGTERM as events to wait for, instead of asynchronous signals.
#pragma once

#include <csignal>

#include "base/clock.h"

namespace ledgerline::cli {

// While it exists, both signals are blocked in the calling thread and in threads that it starts.
class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // Waits for a signal, up to at_most. Returns whether one came.
    bool wait(milliseconds at_most);

private:
    sigset_t signals_;
    sigset_t before_;
};

}  // namespace ledgerline::cli
