#include "app/worker_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/role.h"

namespace ledgerline::app {
namespace {

// A member that has polled this long without being given a partition is a spare one: others hold them all.
constexpr milliseconds kSpareAfter{10'000};

// Passes everything on, and remembers whether the group has taken the member in.
class JoiningConsumer final : public Consumer {
public:
    JoiningConsumer(std::unique_ptr<Consumer> consumer, const Clock& clock)
        : consumer_(std::move(consumer)), clock_(clock) {}

    Result<Polled> poll(milliseconds wait, std::size_t messages_max) override {
        auto polled = consumer_->poll(wait, messages_max);
        if (joined_ || !polled) return polled;
        const SteadyTime now = clock_.steady_now();
        if (polling_since_ == SteadyTime{}) polling_since_ = now;
        joined_ = !polled->assigned.empty() || now - polling_since_ >= kSpareAfter;
        return polled;
    }
    void commit(int partition, std::int64_t next_offset) override { consumer_->commit(partition, next_offset); }

    bool joined() const { return joined_; }

private:
    const std::unique_ptr<Consumer> consumer_;
    const Clock& clock_;
    SteadyTime polling_since_{};
    std::atomic<bool> joined_ = false;
};

}  // namespace

WorkerServiceConfig worker_service_config(std::string database_url, const cli::ApplyOptions& options) {
    return {.database_url = std::move(database_url),
            .threads = static_cast<unsigned>(options.worker_threads),
            .worker = {.unknown_attempts_max = static_cast<int>(options.unknown_attempts_max)}};
}

class WorkerService::Member {
public:
    Member(unsigned number, const WorkerServiceConfig& config, const WorkerServiceParts& parts)
        : consumer_(parts.make_consumer(), parts.clock),
          store_(pg::Session(connection_config(config.database_url, "worker"), parts.metrics, "worker")),
          worker_(config.worker, consumer_, store_, parts.clock, parts.random, parts.ids, parts.metrics,
                  parts.on_outcome),
          loop_(fmt::format("worker-{}", number), wakeup_,
                parts.watchdog.watch(fmt::format("worker-{}", number), [this] { return worker_.step(); }),
                parts.on_fatal) {}

    void start() { loop_.start(); }
    void begin_stop() { loop_.begin_stop(); }
    void stop() { loop_.stop(); }
    bool joined() const { return consumer_.joined(); }

private:
    JoiningConsumer consumer_;
    PgLedgerStore store_;
    Worker worker_;
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

bool WorkerService::joined() const {
    return std::ranges::any_of(members_, [](const auto& member) { return member->joined(); });
}

}  // namespace ledgerline::app
