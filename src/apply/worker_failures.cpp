// How the worker handles a batch that the database refused (db/sqlstate.h sorts the failures), and messages that
// announce no event of ours.
#include "apply/worker.h"
#include "base/failpoint.h"
#include "db/sqlstate.h"
#include "domain/schema_frame.h"

namespace ledgerline::apply {

Result<void> Worker::handle_failure(Lane& lane, const Error& error) {
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    if (error.disposition == Disposition::retry) {
        // Without a connection no lane can continue.
        if (db::is_session_lost(error.code)) return std::unexpected(error);
        probe_.retried(lane, error, lane.pause(clock_.steady_now()));
        return {};
    }
    if (lane.narrow()) return {};
    if (db::classify(error.code) == db::FailureClass::permanent) return park(lane, error, "permanent", 1);
    return handle_unknown(lane, error);
}

Result<void> Worker::handle_unknown(Lane& lane, const Error& error) {
    LEDGERLINE_TRY(const int attempts, store_.count_attempt(lane.id(), lane.state().applied_seq));
    if (attempts == 0) return reload(lane);
    if (attempts < config_.unknown_attempts_max) {
        probe_.failed_unknown(lane, error, attempts, lane.pause(clock_.steady_now()));
        return {};
    }
    probe_.failed_unknown(lane, error, attempts, std::nullopt);
    const std::int64_t applied_seq = lane.state().applied_seq;
    LEDGERLINE_CHECK(reload(lane));
    const LaneState& state = lane.state();
    if (state.applied_seq != applied_seq || lane.pending().empty()) return {};  // already handled
    if (state.streak_with(error.code) < config_.streak_max) return park(lane, error, "unknown", attempts);
    lane.pause_for(clock_.steady_now(), config_.halted_retry_interval);
    lane.halt_at_head(error.code, "its events fail one after the other for the same unknown reason: " + error.message);
    return {};
}

Result<void> Worker::park(Lane& lane, const Error& error, const char* error_class, int attempts) {
    const Lane::Pending& guilty = lane.pending().front();
    ParkedEvent letter{ids_.next(), guilty.ref,    guilty.incoming, error_class,
                       error.code,  error.message, attempts,        lane.state().first_failed_at,
                       false};
    // It names the schema of another topic than that of dead letters, and the value is text without it.
    letter.incoming.message.value = without_schema_frame(guilty.incoming.message.value);
    failpoint("worker.parking");
    ApplyTrace trace = probe_.begin_park(lane);
    const TraceScope scope(trace.context());
    auto parked = store_.park(lane.id(), lane.state().applied_seq, letter);
    if (is_refusal(parked)) {
        letter.bare = true;
        parked = store_.park(lane.id(), lane.state().applied_seq, letter);
    }
    if (!parked) trace.failed(parked.error());
    if (is_refusal(parked)) {
        lane.pause_for(clock_.steady_now(), config_.halted_retry_interval);
        lane.halt_at_head("letter_refused", "its dead letter cannot be written: " + parked.error().message);
        return {};
    }
    if (!parked) return std::unexpected(parked.error());
    if (!*parked) {
        trace.came_to_nothing("cursor_moved");
        return reload(lane);
    }
    failpoint("worker.parked");
    const WallTime accepted_at = guilty.occurred_at;
    trace.parked(letter);
    probe_.parked(lane, letter);
    const bool unknown = letter.error_class == "unknown";
    lane.advance(1, unknown ? lane.state().streak_with(error.code) : 0, unknown ? error.code : std::string());
    lane.widen();
    lane.succeeded();
    on_outcome_(accepted_at);
    return {};
}

Result<void> Worker::write_foreign() {
    if (foreign_.empty()) return {};
    auto written = store_.park_foreign(foreign_);
    if (is_refusal(written)) written = park_foreign_one_by_one();
    if (!written) return std::unexpected(written.error());
    probe_.foreign_parked(foreign_, *written);
    foreign_.clear();
    return {};
}

// The database refuses at least one of them. A foreign message must not hold up the lane: the refused one is kept
// without its content, or not at all.
Result<std::size_t> Worker::park_foreign_one_by_one() {
    std::size_t written = 0;
    std::vector<ForeignMessage> kept;
    for (ForeignMessage& letter : foreign_) {
        auto done = store_.park_foreign(std::span(&letter, 1));
        if (is_refusal(done)) {
            letter.bare = true;
            done = store_.park_foreign(std::span(&letter, 1));
        }
        if (is_refusal(done)) {
            probe_.foreign_lost(letter, done.error());
            continue;
        }
        if (!done) return std::unexpected(done.error());
        written += *done;
        kept.push_back(letter);
    }
    foreign_ = std::move(kept);
    return written;
}

}  // namespace ledgerline::apply
