// The whole pipeline in the test's process: database, API, publisher, expiry of holds, memory bus and worker, as
// `ledgerline up` runs them but without supervision.
#pragma once

#include "bus/memory/bus.h"
#include "domain/legs.h"
#include "lab/api_server.h"
#include "roles/hold_expiry_service.h"
#include "roles/publisher_service.h"
#include "roles/worker_service.h"

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
    static constexpr int lanes = lane_count;

    ApiServer api_;
    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    ProcessContext context_{clock_, random_, ids_, api_.metrics()};
    bus::MemoryBus bus_;
    roles::Watchdog watchdog_;  // never started: a debugger may stop the loops
    roles::WorkerService worker_;
    roles::PublisherService publisher_;
    roles::HoldExpiryService expiry_;
};

}  // namespace ledgerline::test
