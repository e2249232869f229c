// The roles. Each function runs one until SIGTERM or SIGINT, or until it cannot go on, and returns the exit code of the
// process. To be called on the main thread, before there are others.
#pragma once

#include "cli/environment.h"
#include "cli/roles.h"

namespace ledgerline::app {

// All roles in one process: on an in-process bus unless Kafka is given, and with a private PostgreSQL cluster unless a
// database is given.
int run_up(const cli::Environment& environment, const cli::UpOptions& options);

// One role each, on a given database and Kafka. Their processes may run in any number, and come and go.
int run_api(const cli::Environment& environment, const cli::ApiOptions& options);
int run_publisher(const cli::Environment& environment, const cli::PublisherOptions& options);
int run_worker(const cli::Environment& environment, const cli::WorkerOptions& options);

}  // namespace ledgerline::app
