// Lane: what one worker knows about one lane, in memory. It sorts incoming messages by their claims and keeps the run
// of events that follows the apply cursor. No I/O: everything in it is a claim until the store has proven it.
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

// How many messages of one lane a worker holds, and of how many bytes. Further ones are dropped, and the bus is asked
// for them again later. The first message is kept whatever its size.
inline constexpr std::size_t lane_pending_max = 2000;

class Lane {
public:
    struct Pending {
        EventRef ref;
        WallTime occurred_at;  // as announced
        std::string traceparent;
        bus::Incoming incoming;
    };

    enum class Claim {
        next,       // kept: continues the run
        duplicate,  // already applied or already kept
        beyond,     // leaves a gap, or its place is taken by another event: proof decides between loss and forgery
        overflow,   // would continue the run, but the lane is full: dropped
    };

    Lane(int id, Backoff backoff, std::size_t pending_bytes_max = limits::lane_pending_bytes_max);

    int id() const { return id_; }
    const LaneState& state() const { return state_; }
    // Whether the database has this lane: a topic may have more partitions than there are lanes.
    bool loaded() const { return loaded_; }
    const std::deque<Pending>& pending() const { return pending_; }

    // How many messages can come without being dropped; 0 when so many bytes are held that large ones would be dropped.
    std::size_t room() const {
        return pending_bytes_ > pending_bytes_max_ / 2 ? 0 : lane_pending_max - pending_.size();
    }

    // Takes over the database's state, and drops what it makes obsolete.
    void load(const LaneState& state);

    // Sorts one message, and moves from it only if it is kept.
    Claim take(const Announcement& announcement, bus::Incoming& incoming);

    // How many of the pending events the next batch may have: as many as the bisection allows.
    std::size_t batch_size() const;

    // The cursor moves over `count` places, which are settled, and over the pending events at them: the last ones may
    // not have been announced yet. streak: how many of the last events in a row were parked for the unknown reason
    // streak_code.
    void advance(std::size_t count, int streak = 0, std::string streak_code = {});
    // Drops the pending events from index on, because they no longer continue the run.
    void cut(std::size_t index);

    // Bisection: a failed batch is halved until its guilty event is alone; each success doubles the size again.
    bool narrow();
    void widen();

    // The next offset to read in this partition, for the group's commit.
    void saw(std::int64_t offset) { next_offset_ = offset + 1; }
    std::optional<std::int64_t> committable_offset() const;

    // Pauses after a failure, for longer each time. A success ends the pause.
    milliseconds pause(SteadyTime now);
    void pause_for(SteadyTime now, milliseconds delay) { paused_until_ = now + delay; }
    bool paused(SteadyTime now) const { return now < paused_until_; }
    SteadyTime paused_until() const { return paused_until_; }
    void succeeded() {
        backoff_.reset();
        paused_until_ = {};
        alone_ = false;
    }

    // A transaction of several lanes failed, this one among them: until its next success, and while it is bisected, the
    // lane gets transactions of its own, so that the guilty one shows and holds up no other.
    void set_alone() { alone_ = true; }
    bool alone() const;

    // What halts the lane, and whether the database does not know it yet. The halt ends when the cursor moves.
    const std::optional<LaneHalt>& halt() const { return halt_; }
    bool halt_changed() const { return halt_changed_; }
    void halt_recorded() { halt_changed_ = false; }
    // The lane cannot get past the event after the cursor. Repeating it for the same code changes nothing.
    void halt_at_head(std::string code, std::string reason);

    HeadWatch& watch() { return watch_; }
    // Rewinding is pointless until then, unless the cursor moves.
    void rest_until(SteadyTime time) { rests_until_ = time; }
    bool rests(SteadyTime now) const { return now < rests_until_; }

    // A message was dropped because something before it is missing.
    void note_gap() { gap_ = true; }
    // Whether to rewind now: true once for each cursor position at which a gap was noted, and not while the run before
    // the gap still waits. If that rewind is lost as well, silence reveals it.
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
    bool alone_ = false;
};

}  // namespace ledgerline::apply
