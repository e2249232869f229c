// The roles. Each function runs one until SIGTERM or SIGINT, or until it cannot continue, and returns the exit code of
// the process. Must be called on the main thread, before there are other threads.
#pragma once

#include "roles/environment.h"
#include "roles/settings.h"

namespace ledgerline::roles {

// All roles in one process: on an in-process bus unless Kafka is given, and with a private PostgreSQL cluster unless a
// database is given.
int run_up(const Environment& environment, const UpSettings& options);

// One role each, on a given database and Kafka (the notifier without). Any number of their processes may run, and come
// and go.
int run_api(const Environment& environment, const ApiSettings& options);
int run_publisher(const Environment& environment, const PublisherSettings& options);
int run_worker(const Environment& environment, const WorkerSettings& options);
int run_notifier(const Environment& environment, const NotifierSettings& options);

}  // namespace ledgerline::roles
