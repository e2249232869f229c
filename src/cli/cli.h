// The command line of ledgerline.
#pragma once

#include <functional>

#include "cli/environment.h"
#include "cli/up_options.h"

namespace ledgerline::cli {

// The commands that run roles, which app provides. One that is not set does not exist.
struct RoleCommands {
    std::function<int(const UpOptions&)> up;  // returns the exit code
};

// Parses the arguments and runs the command that they name. Returns the exit code.
int run(const Environment& environment, int argc, const char* const* argv, const RoleCommands& roles);

}  // namespace ledgerline::cli
