// Watchdog: makes the loops of a role, and notices when a step of one does not return.
//
// A step that waits for an unreachable broker or database always returns, because every call has a deadline. One that
// does not return hangs in a bug, ours or a library's, and only a new process helps.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "base/loop.h"
#include "observe/metrics.h"
#include "roles/lifecycle.h"

namespace ledgerline::roles {

class Watchdog final : public Service {
public:
    static constexpr milliseconds look_interval{500};

    // limit: how long one step may take, counted in looks, so that a process that was stopped and continued is not
    // mistaken for one that hangs. on_fatal is called when the role cannot continue: on the thread of a loop that
    // failed, or once on the watchdog's, with Disposition::retry, when a step does not return. metrics must outlive the
    // loops.
    Watchdog(milliseconds limit, LoopThread::OnFatal on_fatal, Metrics& metrics);
    ~Watchdog() override { loop_.stop(); }

    // A loop of that name, not started yet. kind: one of Metrics::loops, under which its exceptions are counted; a
    // literal. Must be called before start(); the watchdog must outlive the loop, and wakeup too.
    LoopThread make_loop(std::string name, std::string_view kind, Wakeup& wakeup, LoopThread::Step step);
    // The step, watched under that name: what make_loop() does to it.
    LoopThread::Step watch(std::string name, LoopThread::Step step);

    void start() override { loop_.start(); }
    void stop() override { loop_.stop(); }

    // Whether every step so far returned in time. Thread-safe.
    bool alive() const { return alive_; }

    // One look, as the watchdog's thread takes it every look_interval.
    void look();

private:
    struct Watched {
        std::string name;
        std::atomic<std::uint64_t> step = 0;  // odd while a step is running
        std::uint64_t seen = 0;               // its value at the last look
        milliseconds lasted{};                // since the look that first saw it
    };
    void note_stall(const Watched& watched);

    const milliseconds limit_;
    const LoopThread::OnFatal on_fatal_;
    Metrics& metrics_;
    std::list<Watched> watched_;
    std::atomic<bool> alive_ = true;
    Wakeup wakeup_;
    LoopThread loop_;
};

}  // namespace ledgerline::roles
