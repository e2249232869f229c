// Ends a process that must not run the destructors of static objects.
#pragma once

namespace ledgerline::roles {

// Ends the process once what was logged is written or log::exit_flush_max has passed.
[[noreturn]] void leave_at_once(int exit_code);

}  // namespace ledgerline::roles
