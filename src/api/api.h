// Api: everything between the HTTP edge and the database. Owns intake, the database threads and the outcome watcher,
// and gives the router its calls.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/database.h"
#include "api/outcome_watcher.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/uuid.h"
#include "base/wakeup.h"
#include "db/connection.h"
#include "health/endpoints.h"
#include "health/ledger_probe.h"
#include "http/router.h"
#include "intake/intake.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline::api {

struct ApiConfig {
    std::string database_url;
    std::string version;
    intake::IntakeConfig intake;
    WatcherConfig watcher;
    unsigned database_threads = 4;
    // Of one statement, and of waiting for one lock. Below intake.request_timeout, so that a frozen server is noticed
    // in time for another try.
    milliseconds statement_timeout{5'000};
    milliseconds lock_timeout{3'000};
    // Of a batch's statements: short enough for its halves to be tried before the requests' deadline. A lock is waited
    // for half as long, so that contention is told from a batch that is too much.
    milliseconds intake_statement_timeout{2'500};
    milliseconds connect_timeout{3'000};
    // How long the server lets a transaction wait for this process: one that stands still must give its lanes up before
    // the other processes' requests, which wait for them, are late.
    milliseconds idle_in_transaction_timeout{2'000};
    // What is done in the database by this process, for /readyz.
    std::vector<health::ProbedStage> stages{{health::StageRight::intake}};
    std::vector<health::Dependency> dependencies;  // what /readyz looks at besides the database
    std::function<bool()> alive;                   // what /livez says; unset: yes
};

class Api {
public:
    // on_fatal is called when the database says that intake can never succeed; the process should end. All references
    // must outlive it.
    Api(const ApiConfig& config, const Clock& clock, Random& random, Metrics& metrics, UuidGenerator& ids,
        Wakeup& publisher_wakeup, std::function<void(const Error&)> on_fatal, Tracer& tracer = Tracer::off());
    ~Api();

    // The router must not be used once this is gone.
    void add_routes(http::Router& router);
    // Those that machines ask for, of which add_routes() has the same.
    void add_probe_routes(http::Router& router);

    // To be called once, before the first request. Returns after the first look at the dependencies.
    void start();
    // From now on /readyz says no; everything is served as before. Thread-safe.
    void set_not_ready();
    // First step of a shutdown: not ready, and whoever waits for outcomes is answered with the current state. Requests
    // are still served. Repeatable.
    void begin_stop();
    // Second step, after the listener's stop() and before its destruction: lets batches end and answers what is left.
    // What the dependencies stand on may go then. Repeatable.
    void stop();

    // To be notified whenever outcomes were written in this process. Thread-safe.
    Wakeup& outcome_wakeup();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace ledgerline::api
