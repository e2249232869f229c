#include "base/loop.h"

#include <pthread.h>

#include <algorithm>

namespace ledgerline {

LoopThread::LoopThread(std::string name, Wakeup& wakeup, Step step, OnFatal on_fatal, OnException on_exception)
    : name_(std::move(name)),
      wakeup_(wakeup),
      step_(std::move(step)),
      on_fatal_(std::move(on_fatal)),
      on_exception_(std::move(on_exception)) {}

void LoopThread::start() {
    if (thread_.joinable()) return;
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), name_.c_str());
}

void LoopThread::begin_stop() {
    stopping_ = true;
    wakeup_.notify();
    pause_ended_.notify();
}

void LoopThread::stop() {
    begin_stop();
    if (thread_.joinable()) thread_.join();
}

void LoopThread::run() {
    while (!stopping_) {
        const Result<milliseconds> idle = step_or_pause();
        if (!idle) {
            on_fatal_(idle.error());
            return;
        }
        if (*idle > milliseconds(0) && !stopping_) wakeup_.wait(*idle);
    }
}

// A notification during the pause does not end it.
Result<milliseconds> LoopThread::step_or_pause() {
    const char* what = nullptr;
    std::string text;
    try {
        auto idle = step_();
        pause_ = milliseconds(0);
        return idle;
    } catch (const std::bad_alloc&) {
        what = "out of memory";
    } catch (const std::exception& exception) {
        text = exception.what();
        what = text.c_str();
    } catch (...) {
        what = "unknown exception";
    }
    if (on_exception_) on_exception_(what);
    pause_ = std::clamp(2 * pause_, exception_pause_min, exception_pause_max);
    if (!stopping_) pause_ended_.wait(pause_);
    return milliseconds(0);
}

}  // namespace ledgerline
