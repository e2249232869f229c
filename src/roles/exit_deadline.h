// ExitDeadline: the last resort of a shutdown that hangs, in a loop that does not come back or a client that does not
// let itself be closed. Being killed at any point is safe, so this is.
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

    // Ends the process with exit code 3, as leave_at_once() does, if this object is not gone within at_most.
    // To be called once.
    void arm(milliseconds at_most);

private:
    Wakeup disarmed_;
    std::thread thread_;
};

}  // namespace ledgerline::roles
