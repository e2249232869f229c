#include "base/loop.h"

#include <pthread.h>

namespace ledgerline {

LoopThread::LoopThread(std::string name, Wakeup& wakeup, Step step, OnFatal on_fatal)
    : name_(std::move(name)), wakeup_(wakeup), step_(std::move(step)), on_fatal_(std::move(on_fatal)) {}

void LoopThread::start() {
    if (thread_.joinable()) return;
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), name_.c_str());
}

void LoopThread::begin_stop() {
    stopping_ = true;
    wakeup_.notify();
}

void LoopThread::stop() {
    begin_stop();
    if (thread_.joinable()) thread_.join();
}

void LoopThread::run() {
    while (!stopping_) {
        Result<milliseconds> idle = failure(Disposition::stop, "exception", "");
        try {
            idle = step_();
        } catch (const std::exception& exception) {
            idle.error().message = exception.what();
        }
        if (!idle) {
            on_fatal_(idle.error());
            return;
        }
        if (*idle > milliseconds(0) && !stopping_) wakeup_.wait(*idle);
    }
}

}  // namespace ledgerline
