// Wakeup: lets one stage tell another in the same process that there is work. Calls made before the sleeper looks count
// as one. Safe to use from any thread.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/clock.h"

namespace ledgerline {

class Wakeup {
public:
    void notify();
    // Returns at once if notify() was called since the last return, otherwise when it is called or after at_most.
    // Returns whether it was called.
    bool wait(milliseconds at_most);

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool notified_ = false;
};

}  // namespace ledgerline
