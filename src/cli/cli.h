// The command line of ledgerline.
#pragma once

#include "cli/roles.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// Parses the arguments and runs the command they name. Returns the exit code.
int run(const roles::Environment& environment, int argc, const char* const* argv, const RoleCommands& roles);

// The same for the program, on real streams, with the real clock and randomness. main() calls it once.
int run_program(int argc, char** argv);

}  // namespace ledgerline::cli
