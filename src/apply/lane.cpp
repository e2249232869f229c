#include "apply/lane.h"

#include <algorithm>

namespace ledgerline::apply {
namespace {

// Limit of events of one lane in one apply transaction. Larger ones gain nothing and hold the lane longer.
constexpr std::size_t kBatchMax = 500;

}  // namespace

Lane::Lane(int id, Backoff backoff, std::size_t pending_bytes_max)
    : id_(id), backoff_(backoff), pending_bytes_max_(pending_bytes_max), batch_max_(kBatchMax) {}

void Lane::load(const LaneState& state) {
    if (state.applied_seq != state_.applied_seq) rests_until_ = {};
    state_ = state;
    loaded_ = true;
    while (!pending_.empty() && pending_.front().ref.seq <= state.applied_seq) drop_front(1);
    if (!pending_.empty() && pending_.front().ref.seq != state.applied_seq + 1) cut(0);
    end_passed_halt();
    if (!state.halt) return;
    if (state.halt->seq <= state.applied_seq) {
        halt_changed_ = true;  // whatever moved the cursor left the record behind
    } else if (!halt_) {
        halt_ = state.halt;
        halt_changed_ = true;
    }
}

bool Lane::alone() const { return alone_ || batch_max_ < kBatchMax; }

void Lane::halt_at_head(std::string code, std::string reason) {
    const std::int64_t seq = state_.applied_seq + 1;
    if (halt_ && halt_->seq == seq && halt_->code == code) return;
    halt_ = LaneHalt{seq, std::move(code), std::move(reason), {}};
    halt_changed_ = true;
}

void Lane::end_passed_halt() {
    if (!halt_ || halt_->seq == state_.applied_seq + 1) return;
    halt_.reset();
    halt_changed_ = true;
}

Lane::Claim Lane::take(const Announcement& announcement, bus::Incoming& incoming) {
    const std::int64_t next = state_.applied_seq + static_cast<std::int64_t>(pending_.size()) + 1;
    if (announcement.seq <= state_.applied_seq) return Claim::duplicate;
    if (announcement.seq > next) return Claim::beyond;
    if (announcement.seq < next) {
        const Pending& kept = pending_[static_cast<std::size_t>(announcement.seq - state_.applied_seq - 1)];
        return kept.ref.event_id == announcement.event_id ? Claim::duplicate : Claim::beyond;
    }
    const std::size_t bytes = wire_bytes_max(incoming.message);
    const bool fits = pending_.size() < lane_pending_max && pending_bytes_ + bytes <= pending_bytes_max_;
    if (!fits && !pending_.empty()) return Claim::overflow;
    pending_bytes_ += bytes;
    pending_.push_back({.ref = {announcement.seq, announcement.event_id},
                        .occurred_at = announcement.occurred_at,
                        .traceparent = announcement.traceparent,
                        .incoming = std::move(incoming)});
    return Claim::next;
}

std::size_t Lane::batch_size() const { return std::min(batch_max_, pending_.size()); }

void Lane::advance(std::size_t count, int streak, std::string streak_code) {
    state_.failing_seq = 0;
    state_.attempts = 0;
    state_.first_failed_at.reset();
    state_.streak = streak;
    state_.streak_code = std::move(streak_code);
    state_.applied_seq += static_cast<std::int64_t>(count);
    rests_until_ = {};
    drop_front(std::min(count, pending_.size()));
    end_passed_halt();
}

void Lane::drop_front(std::size_t count) {
    for (; count > 0; --count) {
        pending_bytes_ -= wire_bytes_max(pending_.front().incoming.message);
        pending_.pop_front();
    }
}

void Lane::cut(std::size_t index) {
    while (pending_.size() > index) {
        pending_bytes_ -= wire_bytes_max(pending_.back().incoming.message);
        pending_.pop_back();
    }
}

bool Lane::narrow() {
    const std::size_t size = std::min(batch_max_, pending_.size());
    if (size <= 1) return false;
    batch_max_ = size / 2;
    return true;
}

void Lane::widen() { batch_max_ = std::min(batch_max_ * 2, kBatchMax); }

std::optional<std::int64_t> Lane::committable_offset() const {
    return pending_.empty() ? next_offset_ : pending_.front().incoming.offset;
}

milliseconds Lane::pause(SteadyTime now) {
    const milliseconds delay = backoff_.next();
    paused_until_ = now + delay;
    return delay;
}

bool Lane::rewind_due() {
    if (!gap_ || !pending_.empty()) return false;
    gap_ = false;
    return std::exchange(rewound_at_, state_.applied_seq) != state_.applied_seq;
}

}  // namespace ledgerline::apply
