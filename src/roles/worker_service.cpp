#include "roles/worker_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apply/pg_ledger_store.h"
#include "apply/worker.h"
#include "base/loop.h"
#include "roles/joining_consumer.h"
#include "roles/role.h"

namespace ledgerline::roles {

class WorkerService::Member {
public:
    Member(unsigned number, const WorkerServiceConfig& config, Watchdog& watchdog, const ProcessContext& context)
        : consumer_(config.make_consumer(), context.clock),
          store_(db::Session(db::by_index(connection_config(config.database_url, "worker")), context.metrics, "worker",
                             context.tracer),
                 config.handed),
          worker_({.unknown_attempts_max = static_cast<int>(config.apply.unknown_attempts_max),
                   .messaging = config.messaging},
                  consumer_, store_, config.on_outcome, context),
          loop_(watchdog.make_loop(fmt::format("worker-{}", number), "worker", wakeup_,
                                   [this] { return worker_.step(); })) {}

    void start() { loop_.start(); }
    void begin_stop() { loop_.begin_stop(); }
    void stop() { loop_.stop(); }
    bool joined() const { return consumer_.joined(); }
    std::optional<std::string> trouble() const { return worker_.trouble(); }

private:
    JoiningConsumer consumer_;
    apply::PgLedgerStore store_;
    apply::Worker worker_;
    Wakeup wakeup_;
    LoopThread loop_;
};

WorkerService::WorkerService(const WorkerServiceConfig& config, Watchdog& watchdog, const ProcessContext& context) {
    for (unsigned number = 0; number < static_cast<unsigned>(config.apply.worker_threads); ++number)
        members_.push_back(std::make_unique<Member>(number, config, watchdog, context));
}

WorkerService::~WorkerService() { stop(); }

void WorkerService::start() {
    for (const auto& member : members_) member->start();
}

void WorkerService::stop() {
    for (const auto& member : members_) member->begin_stop();
    for (const auto& member : members_) member->stop();
}

std::optional<std::string> WorkerService::trouble() const {
    for (const auto& member : members_)
        if (auto trouble = member->trouble()) return trouble;
    return std::nullopt;
}

bool WorkerService::joined() const {
    return std::ranges::any_of(members_, [](const auto& member) { return member->joined(); });
}

}  // namespace ledgerline::roles
