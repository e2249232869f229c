#include "app/exit_deadline.h"

#include "app/leave.h"
#include "cli/exit_code.h"
#include "observe/log.h"

namespace ledgerline::app {

ExitDeadline::~ExitDeadline() {
    disarmed_.notify();
    if (thread_.joinable()) thread_.join();
}

void ExitDeadline::arm(milliseconds at_most) {
    thread_ = std::thread([this, at_most] {
        if (disarmed_.wait(at_most)) return;
        try {
            log::error("the shutdown hangs: leaving", {{"waited_ms", at_most.count()}});
        } catch (...) {  // nothing keeps it from leaving
        }
        leave_at_once(cli::exit_unavailable);
    });
}

}  // namespace ledgerline::app
