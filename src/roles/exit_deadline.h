// ExitDeadline: the last resort for a shutdown that hangs, in a loop that does not return or a client that cannot be
// closed. Safe, because being killed at any point is safe.
#pragma once

#include <mutex>
#include <optional>
#include <thread>

#include "base/wakeup.h"

namespace ledgerline::roles {

class ExitDeadline {
public:
    ExitDeadline() = default;
    ~ExitDeadline();  // disarms it
    ExitDeadline(const ExitDeadline&) = delete;
    ExitDeadline& operator=(const ExitDeadline&) = delete;

    // Ends the process with exit code 3, as leave_at_once() does, unless this object is destroyed within at_most. Must
    // be called once.
    void arm(milliseconds at_most);

private:
    Wakeup disarmed_;
    std::thread thread_;
};

}  // namespace ledgerline::roles
