// ledgerline up: all roles in one process, on an in-process bus, with a private PostgreSQL cluster unless a database is
// given.
#pragma once

#include "cli/environment.h"
#include "cli/up_options.h"

namespace ledgerline::app {

// Runs until SIGTERM or SIGINT, or until a role cannot go on. To be called on the main thread, before there are others.
// Returns the exit code of the process.
int run_up(const cli::Environment& environment, const cli::UpOptions& options);

}  // namespace ledgerline::app
