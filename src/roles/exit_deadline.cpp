#include "roles/exit_deadline.h"

#include "observe/log.h"
#include "roles/exit_code.h"
#include "roles/leave.h"

namespace ledgerline::roles {

ExitDeadline::~ExitDeadline() {
    disarmed_.notify();
    if (thread_.joinable()) thread_.join();
}

void ExitDeadline::arm(milliseconds at_most) {
    thread_ = std::thread([this, at_most] {
        if (disarmed_.wait(at_most)) return;
        try {
            log::error("the shutdown hangs: exiting", {{"waited_ms", at_most.count()}});
        } catch (...) {  // nothing may keep it from exiting
        }
        leave_at_once(exit_unavailable);
    });
}

}  // namespace ledgerline::roles
