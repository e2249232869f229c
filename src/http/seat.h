// Seat: one of the limited number of things that a client may have at a time, such as connections or waiting requests.
//
//     const auto seat = Seat::take({use, &use->connections}, seats_max);
//     if (!seat) return busy();
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace ledgerline::http {

// Counted for as long as it exists. Moved, it stays one. Seats of one count may be taken and left on any thread.
class Seat {
public:
    // Nothing when seats_max are taken. taken: how many are; null: nobody counts, and there is always one.
    static std::optional<Seat> take(std::shared_ptr<std::atomic<std::int64_t>> taken, std::int64_t seats_max) {
        const bool is_full = taken && taken->fetch_add(1) >= seats_max;
        Seat seat(std::move(taken));
        return is_full ? std::nullopt : std::optional(std::move(seat));
    }
    Seat(Seat&&) noexcept = default;
    Seat& operator=(Seat&& other) noexcept {
        std::swap(taken_, other.taken_);
        return *this;
    }
    ~Seat() {
        if (taken_) --*taken_;
    }

private:
    explicit Seat(std::shared_ptr<std::atomic<std::int64_t>> taken) : taken_(std::move(taken)) {}

    std::shared_ptr<std::atomic<std::int64_t>> taken_;
};

}  // namespace ledgerline::http
