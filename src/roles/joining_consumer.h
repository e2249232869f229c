// JoiningConsumer: a consumer that remembers whether the group has accepted it.
#pragma once

#include <atomic>
#include <memory>

#include "base/clock.h"
#include "bus/bus.h"

namespace ledgerline::roles {

class JoiningConsumer final : public bus::Consumer {
public:
    // A member that has polled this long without being assigned a partition is a spare: others hold them all.
    static constexpr milliseconds spare_after{10'000};

    // The clock must outlive it.
    JoiningConsumer(std::unique_ptr<bus::Consumer> consumer, const Clock& clock)
        : consumer_(std::move(consumer)), clock_(clock) {}

    Result<bus::Polled> poll(milliseconds wait, std::size_t messages_max) override;
    void commit(int partition, std::int64_t next_offset) override { consumer_->commit(partition, next_offset); }

    // Whether it was ever assigned a partition, or is a spare member. Thread-safe.
    bool joined() const { return joined_; }

private:
    const std::unique_ptr<bus::Consumer> consumer_;
    const Clock& clock_;
    SteadyTime polled_first_at_{};
    bool polled_ = false;
    std::atomic<bool> joined_ = false;
};

}  // namespace ledgerline::roles
