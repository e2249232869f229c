#include "roles/worker_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "observe/exceptions.h"
#include "roles/joining_consumer.h"
#include "roles/role.h"

namespace ledgerline::roles {

WorkerServiceConfig worker_service_config(std::string database_url, const ApplySettings& options,
                                          bus::MessagingNames messaging) {
    return {.database_url = std::move(database_url),
            .threads = static_cast<unsigned>(options.worker_threads),
            .worker = {.unknown_attempts_max = static_cast<int>(options.unknown_attempts_max),
                       .messaging = std::move(messaging)}};
}

class WorkerService::Member {
public:
    Member(unsigned number, const WorkerServiceConfig& config, const WorkerServiceParts& parts)
        : consumer_(parts.make_consumer(), parts.clock),
          store_(db::Session(connection_config(config.database_url, "worker"), parts.metrics, "worker", parts.tracer)),
          worker_(config.worker, consumer_, store_, parts.clock, parts.random, parts.ids, parts.metrics,
                  parts.on_outcome, parts.tracer),
          loop_(fmt::format("worker-{}", number), wakeup_,
                parts.watchdog.watch(fmt::format("worker-{}", number), [this] { return worker_.step(); }),
                parts.on_fatal, exception_noter(parts.metrics, "worker")) {}

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

WorkerService::WorkerService(const WorkerServiceConfig& config, const WorkerServiceParts& parts) {
    for (unsigned number = 0; number < config.threads; ++number)
        members_.push_back(std::make_unique<Member>(number, config, parts));
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
