// LoopThread: a service that runs one step after another on its own thread until it is stopped.
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
    // One step does the work there is and returns how long the loop may sleep unless wakeup is notified. A failure
    // (Disposition::stop) ends the loop and is passed to on_fatal on the loop's thread. An exception, out of memory
    // included, ends only that step: the next one follows after a pause that grows.
    using Step = std::function<Result<milliseconds>()>;
    using OnFatal = std::function<void(const Error&)>;
    using OnException = std::function<void(const char* what)>;
    static constexpr milliseconds exception_pause_min{100};
    static constexpr milliseconds exception_pause_max{5'000};

    // wakeup must outlive the loop. name: at most 15 characters, the operating system's limit. on_exception is called
    // on the loop's thread with a description of what was thrown; it may be empty.
    LoopThread(std::string name, Wakeup& wakeup, Step step, OnFatal on_fatal, OnException on_exception = {});
    ~LoopThread() { stop(); }

    // Both may be called repeatedly. stop() returns when the current step has ended.
    void start();
    void stop();
    // Asks the loop to end, without waiting for it. Thread-safe.
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
