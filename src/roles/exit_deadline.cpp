#include "roles/exit_deadline.h"

#include <unistd.h>

#include <utility>

#include "observe/log.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {

void leave_at_once(int exit_code) {
    log::flush();
    _exit(exit_code);
}

void ExitDeadline::arm(milliseconds at_most) {
    const auto wait_then_leave = [at_most, has_waited = false]() mutable -> Result<milliseconds> {
        if (!std::exchange(has_waited, true)) return at_most;
        try {
            log::error("the shutdown hangs: exiting", {{"waited_ms", at_most.count()}});
        } catch (...) {  // nothing may keep it from exiting
            leave_at_once(exit_unavailable);
        }
        leave_at_once(exit_unavailable);
    };
    loop_.emplace("exit-deadline", disarmed_, wait_then_leave, [](const Error&) {}).start();
}

}  // namespace ledgerline::roles
