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
    // A failure (Disposition::stop) ends the loop and is handed to on_fatal, on the loop's thread.
    using Step = std::function<Result<milliseconds>()>;
    using OnFatal = std::function<void(const Error&)>;

    // wakeup must outlive the loop. name: at most 15 characters, as the operating system shows them.
    LoopThread(std::string name, Wakeup& wakeup, Step step, OnFatal on_fatal);
    ~LoopThread() { stop(); }

    // Both may be called repeatedly. stop() returns when the step under way has ended.
    void start();
    void stop();
    // Lets the loop end without waiting for it. Thread-safe.
    void begin_stop();

private:
    void run();

    std::string name_;
    Wakeup& wakeup_;
    Step step_;
    OnFatal on_fatal_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace ledgerline
