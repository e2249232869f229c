// The end of a process that must not run destructors of what is static.
#pragma once

namespace ledgerline::app {

// Writes what is buffered on stdout and stderr, and ends the process.
[[noreturn]] void leave_at_once(int exit_code);

}  // namespace ledgerline::app
