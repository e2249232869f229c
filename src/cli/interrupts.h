// Interrupts: SIGINT and SIGTERM as something to wait for, instead of something that happens in between.
#pragma once

#include <csignal>

#include "base/clock.h"

namespace ledgerline::cli {

// While it lives, the two signals are blocked in the calling thread and in the threads that it starts.
class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // Whether one of them comes within at_most.
    bool wait(milliseconds at_most);

private:
    sigset_t signals_;
    sigset_t before_;
};

}  // namespace ledgerline::cli
