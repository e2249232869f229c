// TerminationSignals: SIGTERM and SIGINT as something that a thread waits for.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "base/result.h"

namespace ledgerline::app {

class TerminationSignals {
public:
    // Blocks the signals in this thread and in all threads that it starts from now on, and ignores SIGPIPE. To be made
    // before any other thread.
    TerminationSignals();

    // Returns when a signal arrived, or fail() was called by any thread: then with its error.
    std::optional<Error> wait();
    // Whether wait() would return at once.
    bool pending() const;
    // Ends the wait with an error. The first one counts. Thread-safe.
    void fail(const Error& error);

private:
    mutable std::mutex mutex_;
    std::optional<Error> failure_;
};

}  // namespace ledgerline::app
