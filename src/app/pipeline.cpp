#include "app/pipeline.h"

#include <fmt/format.h>

#include <numeric>

#include "observe/log.h"

namespace ledgerline::app {
namespace {

// How often a drain looks, and how long it waits for a lane that does not move.
constexpr milliseconds kDrainTick{50};
constexpr milliseconds kDrainStalled{3000};

pg::ConnectionConfig connection_config(const std::string& url, const char* role) {
    pg::ConnectionConfig config;
    config.url = url;
    config.application_name = fmt::format("ledgerline {}", role);
    return config;
}

std::string new_owner(UuidGenerator& ids) { return "up-" + ids.next().to_string(); }

}  // namespace

Pipeline::Member::Member(unsigned number, Pipeline& pipeline, const PipelineConfig& config,
                         const LoopThread::OnFatal& on_fatal)
    : consumer(pipeline.bus_.make_consumer()),
      store(pg::Session(connection_config(config.database_url, "worker"), pipeline.metrics_, "worker")),
      worker({.unknown_attempts_max = config.unknown_attempts_max}, *consumer, store, pipeline.clock_, pipeline.random_,
             pipeline.ids_, pipeline.metrics_, pipeline.on_outcome_),
      loop(fmt::format("worker-{}", number), wakeup, [this] { return worker.step(); }, on_fatal) {}

Pipeline::Pipeline(const PipelineConfig& config, const Clock& clock, Random& random, UuidGenerator& ids,
                   Metrics& metrics, Wakeup& publisher_wakeup, std::function<void()> on_outcome,
                   LoopThread::OnFatal on_fatal)
    : clock_(clock),
      random_(random),
      ids_(ids),
      metrics_(metrics),
      on_outcome_(std::move(on_outcome)),
      lanes_(config.lanes),
      // The offsets of another run begin elsewhere, so that its letters are not taken for this one's.
      bus_({.partitions = config.lanes,
            .first_offset = clock.wall_now().time_since_epoch().count(),
            .space_freed = &publisher_wakeup}),
      producer_(bus_.make_producer()),
      outbox_(connection_config(config.database_url, "publisher"), metrics),
      publisher_({.owner = new_owner(ids), .others_are_dead = config.others_are_dead}, outbox_, *producer_, clock,
                 random, metrics),
      publisher_loop_(
          "publisher", publisher_wakeup, [this] { return publisher_.step(); }, on_fatal),
      drain_store_(pg::Session(connection_config(config.database_url, "drain"), metrics, "drain")) {
    for (unsigned number = 0; number < config.worker_threads; ++number)
        members_.push_back(std::make_unique<Member>(number, *this, config, on_fatal));
}

void Pipeline::start() {
    for (const auto& member : members_) member->loop.start();
    publisher_loop_.start();
    running_ = true;
}

void Pipeline::stop() {
    publisher_loop_.stop();
    for (const auto& member : members_) member->loop.stop();
    if (std::exchange(running_, false)) publisher_.release();
}

std::int64_t Pipeline::drain(milliseconds at_most) {
    std::vector<int> lanes(static_cast<std::size_t>(lanes_));
    std::iota(lanes.begin(), lanes.end(), 0);
    const SteadyTime end = clock_.steady_now() + at_most;
    SteadyTime stalled_at = clock_.steady_now() + kDrainStalled;
    std::int64_t left = 0;
    while (true) {
        const auto states = drain_store_.load(lanes);
        if (!states) {
            log::warn("cannot see what is left to drain", {{"reason", states.error().message}});
            return left;
        }
        std::int64_t waiting = 0;
        for (const LaneState& state : *states) waiting += state.last_seq - state.applied_seq;
        const SteadyTime now = clock_.steady_now();
        if (waiting != left) stalled_at = now + kDrainStalled;
        left = waiting;
        if (left == 0 || now >= end || now >= stalled_at) return left;
        Wakeup().wait(kDrainTick);
    }
}

}  // namespace ledgerline::app
