// ByteBudget: limits how many bytes of one kind all connections of a listener may hold together. Safe to use from any
// thread.
#pragma once

#include <prometheus/gauge.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

namespace ledgerline::http {

class ByteBudget {
public:
    // Called on any thread when there is no room for that many bytes: frees some soon if possible.
    using Relieve = std::function<void(std::size_t bytes)>;

    struct Limits {
        std::size_t bytes_max;
        std::size_t small_reserve_bytes = 0;  // the part of it reserved for shares up to small_bytes_max
        std::size_t small_bytes_max = 0;
    };
    // gauge: shows how many bytes are held; may be null.
    explicit ByteBudget(Limits limits, prometheus::Gauge* gauge = nullptr, Relieve relieve = {})
        : limits_(limits), gauge_(gauge), relieve_(std::move(relieve)) {}
    ByteBudget(const ByteBudget&) = delete;
    ByteBudget& operator=(const ByteBudget&) = delete;

    // What one request holds of a budget; returned on destruction. One thread at a time. A share without a budget is
    // unlimited.
    class Share {
    public:
        Share() = default;
        explicit Share(ByteBudget& budget) : budget_(&budget) {}
        Share(Share&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
        Share& operator=(Share&& other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }
        ~Share() { release(); }

        // False, and nothing changed, when there is no room. Shrinking always succeeds.
        bool resize(std::size_t bytes) {
            if (budget_ && bytes > bytes_ && !budget_->take(bytes - bytes_, bytes)) return false;
            if (budget_ && bytes < bytes_) budget_->give_back(bytes_ - bytes);
            bytes_ = bytes;
            return true;
        }
        void release() { resize(0); }
        std::size_t bytes() const { return bytes_; }
        ByteBudget* budget() const { return budget_; }

    private:
        ByteBudget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    std::size_t held() const { return held_; }
    void relieve(std::size_t bytes) const {
        if (relieve_) relieve_(bytes);
    }

    // Requests that wait for room (take_room) are counted, because each holds what it has made so far.
    bool add_waiting() {
        if (waiting_.fetch_add(1) < waiting_max) return true;
        --waiting_;
        return false;
    }
    void remove_waiting() { --waiting_; }
    static constexpr std::size_t waiting_max = 32;

private:
    bool take(std::size_t more, std::size_t share_bytes) {
        const std::size_t kept = share_bytes > limits_.small_bytes_max ? limits_.small_reserve_bytes : 0;
        if (held_.fetch_add(more) + more + kept > limits_.bytes_max) {
            held_ -= more;
            return false;
        }
        if (gauge_) gauge_->Increment(static_cast<double>(more));
        return true;
    }
    void give_back(std::size_t bytes) {
        held_ -= bytes;
        if (gauge_) gauge_->Decrement(static_cast<double>(bytes));
    }

    const Limits limits_;
    prometheus::Gauge* const gauge_;
    const Relieve relieve_;
    std::atomic<std::size_t> held_ = 0;
    std::atomic<std::size_t> waiting_ = 0;
};

}  // namespace ledgerline::http
