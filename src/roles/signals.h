// Signals: what the operating system and its users ask of a role. SIGTERM and SIGINT ask it to end, SIGHUP to reload
// its keys; every other signal that would end a process by default without being its fault is ignored.
//
// Interrupts: SIGINT and SIGTERM for a command that is not a role, as events that it waits for between its steps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::roles {

class Signals {
public:
    // Blocks the handled signals, in this thread and in all that it starts from now on, and ignores the rest. Must be
    // called before there are other threads. A handler that something else installed is left alone.
    static void claim();

    // Handles the signals on its own thread. Must come after claim().
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // Returns when the process was asked to end, or when any thread called fail(): then with its error.
    std::optional<Error> wait() const;
    // After wait(): returns when the process is asked to end again or fails, but no later than after at_most.
    std::optional<Error> wait_again(milliseconds at_most) const;
    // Whether wait() would return at once.
    bool pending() const;
    // Ends the wait with an error. The first one counts. Thread-safe.
    void fail(const Error& error);

    // Sets what SIGHUP does; reload is called on the signals' thread, and never after on_hangup() was called again.
    // Empty: SIGHUP is only logged.
    void on_hangup(std::function<void()> reload);

    // While one exists, a process that was asked to end and does not check within noticed_within is ended at once, with
    // exit code 0: for waits at startup that nothing else interrupts, while nothing is in progress that kill -9 would
    // harm.
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
    void hang_up();
    void wake();

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    // Guarded by mutex_.
    unsigned asked_ = 0;  // how often it was asked to end
    std::optional<Error> failure_;
    bool prompt_ = false;
    bool ended_ = false;

    std::mutex reload_mutex_;
    std::function<void()> reload_;  // guarded by reload_mutex_, which is held while it runs
    std::thread thread_;
};

// While it exists, both signals are blocked in the calling thread and in threads that it starts.
class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // Waits for a signal, up to at_most. Returns whether one came.
    bool wait(milliseconds at_most);

private:
    sigset_t signals_;
    sigset_t before_;
};

}  // namespace ledgerline::roles
