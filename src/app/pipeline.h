// Pipeline: publisher, in-process bus and workers, each loop on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/random.h"
#include "base/uuid.h"
#include "bus/memory_bus.h"
#include "observe/metrics.h"
#include "pg/connection.h"
#include "publisher/pg_outbox_store.h"
#include "publisher/publisher.h"
#include "worker/pg_ledger_store.h"
#include "worker/worker.h"

namespace ledgerline::app {

struct PipelineConfig {
    std::string database_url;
    int lanes = 0;
    unsigned worker_threads = 1;
    int unknown_attempts_max = 5;
    // Whoever held leases before is known to be dead: take the lanes over at once.
    bool others_are_dead = false;
};

class Pipeline {
public:
    // publisher_wakeup is what intake notifies; on_outcome is called on worker threads after outcomes were committed;
    // on_fatal, on any loop's thread, when a role cannot go on. Everything must outlive the pipeline.
    Pipeline(const PipelineConfig& config, const Clock& clock, Random& random, UuidGenerator& ids, Metrics& metrics,
             Wakeup& publisher_wakeup, std::function<void()> on_outcome, LoopThread::OnFatal on_fatal);
    ~Pipeline() { stop(); }

    // Both may be called repeatedly. stop() ends the batches under way and gives the leases up.
    void start();
    void stop();

    // Waits until everything accepted is applied, or nothing moves any more, or at_most has passed. Returns how many
    // events are left.
    std::int64_t drain(milliseconds at_most);

private:
    // One member of the consumer group.
    struct Member {
        std::unique_ptr<Consumer> consumer;
        PgLedgerStore store;
        Worker worker;
        Wakeup wakeup;
        LoopThread loop;

        Member(unsigned number, Pipeline& pipeline, const PipelineConfig& config, const LoopThread::OnFatal& on_fatal);
    };

    const Clock& clock_;
    Random& random_;
    UuidGenerator& ids_;
    Metrics& metrics_;
    std::function<void()> on_outcome_;
    const int lanes_;
    MemoryBus bus_;
    std::unique_ptr<Producer> producer_;
    PgOutboxStore outbox_;
    Publisher publisher_;
    LoopThread publisher_loop_;
    std::vector<std::unique_ptr<Member>> members_;
    PgLedgerStore drain_store_;
    bool running_ = false;
};

}  // namespace ledgerline::app
