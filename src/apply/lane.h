// Lane: what one worker knows about one lane, in memory. It sorts incoming messages by what they claim and keeps the
// run of events that follows the apply cursor. No I/O: what it says is a claim until the store has proven it.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "apply/head_watch.h"
#include "apply/ledger_store.h"
#include "base/backoff.h"
#include "base/limits.h"
#include "bus/bus.h"

namespace ledgerline::apply {

// Messages of one lane that a worker holds at most. What comes on top is dropped: the bus is asked for it again later.
// The first one is kept whatever its size.
inline constexpr std::size_t lane_pending_max = 2000;

class Lane {
public:
    struct Pending {
        EventRef ref;
        std::string traceparent;
        bus::Incoming incoming;
    };

    enum class Claim {
        next,       // kept: it continues the run
        duplicate,  // applied already, or kept already
        beyond,     // leaves a gap, or stands where another event is kept: proof decides between loss and forgery
        overflow,   // would continue the run, but the lane is full: dropped
    };

    Lane(int id, Backoff backoff, std::size_t pending_bytes_max = limits::lane_pending_bytes_max);

    int id() const { return id_; }
    const LaneState& state() const { return state_; }
    // Whether the database has the lane: a topic may have more partitions than there are lanes.
    bool loaded() const { return loaded_; }
    const std::deque<Pending>& pending() const { return pending_; }

    // How many messages may come without being dropped; 0 when so many bytes are held that large ones would be.
    std::size_t room() const {
        return pending_bytes_ > pending_bytes_max_ / 2 ? 0 : lane_pending_max - pending_.size();
    }

    // Takes over what the database says, and drops what it makes obsolete.
    void load(const LaneState& state);

    // Sorts one message. It is moved from only when it is kept.
    Claim take(const Announcement& announcement, bus::Incoming& incoming);

    // The refs of the next batch: the head of the run, at most as many as the bisection allows.
    std::vector<EventRef> batch() const;

    // The first `count` pending events are dealt with; the cursor stands behind them. streak counts the last events
    // that were buried in a row for the unknown reason streak_code.
    void advance(std::size_t count, int streak = 0, std::string streak_code = {});
    // Drops the pending events from index on: they no longer continue the run.
    void cut(std::size_t index);

    // Bisection: a failed batch is halved until its guilty event stands alone; each success doubles again.
    bool narrow();
    void widen();

    // The first offset of this partition not yet seen, for the group's commit.
    void saw(std::int64_t offset) { next_offset_ = offset + 1; }
    std::optional<std::int64_t> committable_offset() const;

    // Pausing after a failure, with growing delays. A success ends it.
    milliseconds pause(SteadyTime now);
    void pause_for(SteadyTime now, milliseconds delay) { paused_until_ = now + delay; }
    bool paused(SteadyTime now) const { return now < paused_until_; }
    SteadyTime paused_until() const { return paused_until_; }
    void succeeded() {
        backoff_.reset();
        paused_until_ = {};
    }

    // What halts the lane, and whether the database does not know it yet. It ends when the cursor moves.
    const std::optional<LaneHalt>& halt() const { return halt_; }
    bool halt_changed() const { return halt_changed_; }
    void halt_recorded() { halt_changed_ = false; }
    // The lane does not get past the event after the cursor. Said again for the same code, nothing changes.
    void halt_at_head(std::string code, std::string reason);

    HeadWatch& watch() { return watch_; }
    // Asking the bus again is of no use until then, unless the cursor moves.
    void rest_until(SteadyTime time) { rests_until_ = time; }
    bool rests(SteadyTime now) const { return now < rests_until_; }

    // A message was dropped because something before it is missing.
    void note_gap() { gap_ = true; }
    // Whether the bus must be asked for what follows the cursor: true once for each position of the cursor at which a
    // gap was noted, and not while the run before the gap is still waiting. Should that be lost as well, silence finds
    // it.
    bool rewind_due();

private:
    void end_passed_halt();
    void drop_front(std::size_t count);

    int id_;
    Backoff backoff_;
    LaneState state_;
    bool loaded_ = false;
    std::deque<Pending> pending_;
    std::size_t pending_bytes_ = 0;  // of pending_
    const std::size_t pending_bytes_max_;
    std::size_t batch_max_;
    std::optional<std::int64_t> next_offset_;
    bool gap_ = false;
    std::int64_t rewound_at_ = -1;
    SteadyTime paused_until_{};
    std::optional<LaneHalt> halt_;
    bool halt_changed_ = false;
    HeadWatch watch_;
    SteadyTime rests_until_{};
};

}  // namespace ledgerline::apply
