// BoundedQueue: passes values from one thread to another; the sender waits while it is full. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

namespace ledgerline {

template <class T>
class BoundedQueue {
public:
    explicit BoundedQueue(std::size_t limit) : limit_(limit) {}

    // Waits for room. Returns false and drops the value once the queue is closed or cancelled.
    bool push(T value) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || values_.size() < limit_; });
        if (closed_) return false;
        values_.push_back(std::move(value));
        changed_.notify_all();
        return true;
    }

    // Waits for a value. Returns nothing once the queue is closed and empty, or cancelled.
    std::optional<T> pop() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !values_.empty(); });
        if (values_.empty()) return std::nullopt;
        std::optional<T> value(std::move(values_.front()));
        values_.pop_front();
        changed_.notify_all();
        return value;
    }

    // No more values can be pushed; those already queued can still be popped.
    void close() { end(false); }
    // No more values can be pushed; those already queued are dropped.
    void cancel() { end(true); }

private:
    void end(bool drop) {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (drop) values_.clear();
        changed_.notify_all();
    }

    const std::size_t limit_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> values_;
    bool closed_ = false;
};

}  // namespace ledgerline
