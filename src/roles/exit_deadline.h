// The last resorts of a process that has to end. Safe, because being killed at any point is safe.
#pragma once

#include <optional>

#include "base/loop.h"
#include "base/wakeup.h"

namespace ledgerline::roles {

// Ends the process without the destructors of static objects, once what was logged is written or log::exit_flush_max
// has passed.
[[noreturn]] void leave_at_once(int exit_code);

// Against a shutdown that hangs, in a loop that does not return or a client that cannot be closed.
class ExitDeadline {
public:
    // Ends the process with exit code 3, as leave_at_once() does, unless this object is destroyed within at_most. Must
    // be called once.
    void arm(milliseconds at_most);

private:
    Wakeup disarmed_;
    std::optional<LoopThread> loop_;
};

}  // namespace ledgerline::roles
