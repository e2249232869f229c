// LoopThread: a service that runs one step after the other on a thread of its own until it is stopped.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/wakeup.h"

namespace ledgerline {

class LoopThread {
public:
    // One step does what there is to do and says how long the loop may sleep if nobody notifies wakeup meanwhile.
    // A failure (Disposition::stop) ends the loop and is handed to on_fatal, on the loop's thread. What a step throws,
    // memory that was not to be had among it, ends that step only: the next one follows after a pause that grows.
    using Step = std::function<Result<milliseconds>()>;
    using OnFatal = std::function<void(const Error&)>;
    using OnException = std::function<void(const char* what)>;
    static constexpr milliseconds exception_pause_min{100};
    static constexpr milliseconds exception_pause_max{5'000};

    // wakeup must outlive the loop. name: at most 15 characters, as the operating system shows them. on_exception is
    // told what was thrown, on the loop's thread; it may be empty.
    LoopThread(std::string name, Wakeup& wakeup, Step step, OnFatal on_fatal, OnException on_exception = {});
    ~LoopThread() { stop(); }

    // Both may be called repeatedly. stop() returns when the step under way has ended.
    void start();
    void stop();
    // Lets the loop end without waiting for it. Thread-safe.
    void begin_stop();

private:
    void run();
    Result<milliseconds> step_or_pause();

    std::string name_;
    Wakeup& wakeup_;
    Step step_;
    OnFatal on_fatal_;
    OnException on_exception_;
    milliseconds pause_{0};  // after the last step, because of what it threw
    Wakeup pause_ended_;     // by stop()
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace ledgerline
