// The whole pipeline in the test's process: database, API, publisher, memory bus and worker, as `ledgerline up` runs
// them but without supervision.
#pragma once

#include "app/publisher_service.h"
#include "app/worker_service.h"
#include "bus/memory_bus.h"
#include "support/api_server.h"

namespace ledgerline::test {

class Pipeline {
public:
    Pipeline() : Pipeline(TestCluster::shared()) {}
    // The cluster must outlive it.
    explicit Pipeline(TestCluster& cluster);

    const ApiServer& api() const { return api_; }
    Metrics& metrics() { return api_.metrics(); }
    const TestDatabase& database() const { return api_.database(); }

private:
    static constexpr int lanes = 12;

    ApiServer api_;
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    MemoryBus bus_;
    app::Watchdog watchdog_;  // never started: a debugger may stop the loops
    app::WorkerService worker_;
    app::PublisherService publisher_;
};

}  // namespace ledgerline::test
