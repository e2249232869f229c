// The whole pipeline in the test's process: database, API, publisher, memory bus and worker, as `ledgerline up` runs
// them but without supervision.
#pragma once

#include <memory>

#include "base/loop.h"
#include "bus/memory_bus.h"
#include "publisher/pg_outbox_store.h"
#include "publisher/publisher.h"
#include "support/api_server.h"
#include "worker/pg_ledger_store.h"
#include "worker/worker.h"

namespace ledgerline::test {

class Pipeline {
public:
    Pipeline() : Pipeline(TestCluster::shared()) {}
    // The cluster must outlive it.
    explicit Pipeline(TestCluster& cluster);
    ~Pipeline();

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
    Wakeup worker_wakeup_;
    std::unique_ptr<Producer> producer_;
    std::unique_ptr<Consumer> consumer_;
    PgOutboxStore outbox_store_;
    PgLedgerStore ledger_store_;
    Publisher publisher_;
    Worker worker_;
    LoopThread publisher_loop_;
    LoopThread worker_loop_;
};

}  // namespace ledgerline::test
