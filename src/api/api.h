// Api: everything between the HTTP edge and the database. Owns intake, the database threads and the outcome watcher,
// and gives the router its routes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/approvals.h"
#include "api/database.h"
#include "api/outcome_watcher.h"
#include "base/wakeup.h"
#include "db/connection.h"
#include "health/endpoints.h"
#include "health/ledger_probe.h"
#include "http/router.h"
#include "http/server/api_keys.h"
#include "intake/intake.h"
#include "notify/destinations.h"
#include "observe/process_context.h"

namespace ledgerline::api {

struct ApiConfig {
    std::string database_url;
    std::string version;
    intake::IntakeConfig intake;
    WatcherConfig watcher;
    ApprovalPolicy approvals;
    // Sessions, each with its thread: of reads, of what payments need to be read, and of operators.
    unsigned database_threads = 4;
    unsigned payment_threads = 4;
    unsigned operator_threads = 2;
    // For one statement and for one lock wait. Below intake.request_timeout, so that a frozen server is noticed in time
    // for another try.
    milliseconds statement_timeout{5'000};
    milliseconds lock_timeout{3'000};
    milliseconds report_timeout{60'000};  // for a statement that reads all accounts
    // For the statements of a batch: short enough to try its halves before the requests' deadline. Lock waits are half
    // as long, so that contention can be told from a batch that is too large.
    milliseconds intake_statement_timeout{2'500};
    milliseconds connect_timeout{3'000};
    // How long the server lets a transaction wait for this process: a suspended process must release its lanes before
    // the requests of other processes that wait for them are late.
    milliseconds idle_in_transaction_timeout{2'000};
    notify::Destinations webhook_destinations = notify::Destinations();
    // What this process does in the database, for /readyz.
    std::vector<health::ProbedStage> stages{{health::StageRight::intake}};
    std::vector<health::Dependency> dependencies;  // of /readyz, besides the database
    std::function<bool()> alive;                   // the answer of /livez; unset: always alive
};

class Api {
public:
    // keys: those of the listener, which this keeps as they are in the database. on_fatal is called when the database
    // says that intake can never succeed; the process should then end. Arguments passed by reference must outlive it.
    Api(const ApiConfig& config, http::ApiKeys& keys, Wakeup& publisher_wakeup,
        std::function<void(const Error&)> on_fatal, const ProcessContext& context);
    ~Api();

    // The router must not be used after this is destroyed.
    void add_routes(http::Router& router);
    // The routes for probes and metrics, which add_routes() includes.
    void add_probe_routes(http::Router& router);

    // Call once, before the first request. Returns after the first check of the dependencies.
    void start();
    // From now on /readyz answers not ready; everything else is served as before. Thread-safe.
    void set_not_ready();
    // First step of a shutdown: not ready, and requests that wait for outcomes are answered with the current state.
    // Requests are still served. Idempotent.
    void begin_stop();
    // Second step, after the listener's stop() and before its destruction: lets batches end and answers what is left.
    // Afterwards the dependencies may be destroyed. Idempotent.
    void stop();

    // Call it whenever outcomes were written in this process: wakes those that wait for them. Thread-safe.
    void note_outcomes();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace ledgerline::api
