// Signals: what the operating system and the people on it tell a role. SIGTERM and SIGINT ask it to end, SIGHUP to read
// its keys again; everything else that would end a process by default, and is no fault of its own, does nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::roles {

class Signals {
public:
    // Blocks what this takes, in this thread and in all that it starts from now on, and ignores the rest. To be called
    // before there are other threads. A handler that something else installed is left alone.
    static void claim();

    // Takes the signals, on a thread of its own. After claim().
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // Returns when the process was asked to end, or fail() was called by any thread: then with its error.
    std::optional<Error> wait() const;
    // After wait(): returns when the process is asked to end once more or fails, and at the latest after at_most.
    std::optional<Error> wait_again(milliseconds at_most) const;
    // Whether wait() would return at once.
    bool pending() const;
    // Ends the wait with an error. The first one counts. Thread-safe.
    void fail(const Error& error);

    // What SIGHUP does; called on the signals' thread, never after this was called again. Nothing: it is only logged.
    void on_hangup(std::function<void()> reload);

    // While one lives, a process that was asked to end and does not come back to it within noticed_within is ended at
    // once, with exit code 0: for waits at the start that nothing else interrupts, while nothing is under way yet that
    // an end by kill -9 would harm.
    class EndsPromptly {
    public:
        static constexpr milliseconds noticed_within{2000};
        explicit EndsPromptly(Signals& signals);
        ~EndsPromptly();
        EndsPromptly(const EndsPromptly&) = delete;
        EndsPromptly& operator=(const EndsPromptly&) = delete;

    private:
        Signals& signals_;
    };

private:
    void run();
    // The next signal; nothing when deadline passes first.
    std::optional<int> next(std::optional<SteadyTime> deadline) const;
    void hang_up();
    void wake();

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    // Guarded by mutex_.
    unsigned asked_ = 0;  // how often to end
    std::optional<Error> failure_;
    bool prompt_ = false;
    bool ended_ = false;

    std::mutex reload_mutex_;
    std::function<void()> reload_;  // guarded by reload_mutex_, which is held while it runs
    std::thread thread_;
};

}  // namespace ledgerline::roles
