// The command line of ledgerline.
#pragma once

#include "cli/roles.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// Parses the arguments and runs the command they name. Returns the exit code.
int run(const roles::Environment& environment, int argc, const char* const* argv, const RoleCommands& roles);

}  // namespace ledgerline::cli
