#include "app/leave.h"

#include <unistd.h>

#include "observe/log.h"

namespace ledgerline::app {

void leave_at_once(int exit_code) {
    log::flush();
    _exit(exit_code);
}

}  // namespace ledgerline::app
