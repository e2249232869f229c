#include "roles/watchdog.h"

#include <fmt/format.h>

#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::roles {

Watchdog::Watchdog(milliseconds limit, LoopThread::OnFatal on_fatal, Metrics& metrics)
    : limit_(limit),
      on_fatal_(std::move(on_fatal)),
      metrics_(metrics),
      loop_(
          "watchdog", wakeup_,
          [this]() -> Result<milliseconds> {
              look();
              return look_interval;
          },
          [](const Error&) {}) {}

LoopThread Watchdog::make_loop(std::string name, std::string_view kind, Wakeup& wakeup, LoopThread::Step step) {
    auto watched = watch(name, std::move(step));
    return {std::move(name), wakeup, std::move(watched), on_fatal_, exception_noter(metrics_, kind)};
}

LoopThread::Step Watchdog::watch(std::string name, LoopThread::Step step) {
    Watched& watched = watched_.emplace_back();
    watched.name = std::move(name);
    return [&watched, step = std::move(step)] {
        struct Mark {
            explicit Mark(std::atomic<std::uint64_t>& its_count) : count(its_count) { ++count; }
            ~Mark() { ++count; }
            std::atomic<std::uint64_t>& count;
        } const mark(watched.step);
        return step();
    };
}

void Watchdog::look() {
    for (Watched& watched : watched_) {
        const std::uint64_t now = watched.step;
        const bool same = now % 2 == 1 && now == watched.seen;
        watched.lasted = same ? watched.lasted + look_interval : milliseconds(0);
        watched.seen = now;
        if (watched.lasted >= limit_ && alive_.exchange(false)) note_stall(watched);
    }
}

void Watchdog::note_stall(const Watched& watched) {
    on_fatal_({Disposition::retry, "stalled",
               fmt::format("the {} loop hangs: one step took more than {} ms", watched.name, limit_.count())});
    log::error("a loop hangs: its process must end", {{"loop", watched.name}, {"limit_ms", limit_.count()}});
}

}  // namespace ledgerline::roles
