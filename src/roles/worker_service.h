// WorkerService: members of the consumer group, each a worker with a thread and a database session of its own.
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
    LoopThread::OnFatal on_fatal;      // called on a member's thread when the role cannot go on
    Tracer& tracer = Tracer::off();
};

class WorkerService {
public:
    WorkerService(const WorkerServiceConfig& config, const WorkerServiceParts& parts);
    ~WorkerService();

    // Both may be called repeatedly. stop() lets the rounds under way end; the members leave the group with the
    // service.
    void start();
    void stop();

    // Whether the group has given any member a partition since the start, or has left all of them without one for
    // long enough that there is none to be had. Thread-safe.
    bool joined() const;
    // Of the first member that has any, as of Worker::trouble(). Thread-safe.
    std::optional<std::string> trouble() const;

private:
    class Member;
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ledgerline::roles
