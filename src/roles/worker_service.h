// WorkerService: members of the consumer group, each a worker with its own thread and database session.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apply/pg_ledger_store.h"
#include "apply/worker.h"
#include "base/loop.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "roles/settings.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

struct WorkerServiceConfig {
    std::string database_url;
    unsigned threads = 1;
    apply::WorkerConfig worker;
};

WorkerServiceConfig worker_service_config(std::string database_url, const ApplySettings& options,
                                          bus::MessagingNames messaging = {});

// What the members share. Everything must outlive the service.
struct WorkerServiceParts {
    std::function<std::unique_ptr<bus::Consumer>()> make_consumer;
    const Clock& clock;
    Random& random;
    UuidGenerator& ids;
    Metrics& metrics;
    Watchdog& watchdog;
    std::function<void()> on_outcome;  // called on the members' threads after outcomes were committed
    LoopThread::OnFatal on_fatal;      // called on a member's thread when the role cannot continue
    Tracer& tracer = Tracer::off();
};

class WorkerService {
public:
    WorkerService(const WorkerServiceConfig& config, const WorkerServiceParts& parts);
    ~WorkerService();

    // Both may be called repeatedly. stop() lets the current rounds end; the members leave the group when the service
    // is destroyed.
    void start();
    void stop();

    // Whether the group has assigned a partition to any member since the start, or has left all of them without one for
    // so long that none is available. Thread-safe.
    bool joined() const;
    // From the first member that has any, as in Worker::trouble(). Thread-safe.
    std::optional<std::string> trouble() const;

private:
    class Member;
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ledgerline::roles
