// How the worker handles a batch that the database refused (db/sqlstate.h sorts the failures).
#include "apply/apply_trace.h"
#include "apply/worker.h"
#include "base/failpoint.h"
#include "db/sqlstate.h"
#include "observe/log.h"
#include "observe/trace.h"

namespace ledgerline::apply {

Result<void> Worker::handle_failure(Lane& lane, const Error& error) {
    if (error.disposition == Disposition::stop) return std::unexpected(error);
    if (error.disposition == Disposition::retry) {
        // Without a connection no lane can continue.
        if (db::is_session_lost(error.code)) return std::unexpected(error);
        const milliseconds delay = lane.pause(clock_.steady_now());
        metrics_.worker_retries_total.Add({{"type", "transient"}}).Increment();
        log::warn("lane pauses",
                  {{"lane", lane.id()}, {"code", error.code}, {"reason", error.message}, {"delay_ms", delay.count()}});
        return {};
    }
    if (lane.narrow()) return {};
    if (db::classify(error.code) == db::FailureClass::permanent) return bury(lane, error, "permanent", 1, 0);
    return handle_unknown(lane, error);
}

Result<void> Worker::handle_unknown(Lane& lane, const Error& error) {
    LEDGERLINE_TRY(const int attempts, store_.count_attempt(lane.id(), lane.state().applied_seq));
    if (attempts == 0) return reload(lane);
    metrics_.worker_retries_total.Add({{"type", "unknown"}}).Increment();
    if (attempts < config_.unknown_attempts_max) {
        const milliseconds delay = lane.pause(clock_.steady_now());
        log::warn("event failed for an unknown reason", {{"lane", lane.id()},
                                                         {"seq", lane.state().applied_seq + 1},
                                                         {"attempts", attempts},
                                                         {"code", error.code},
                                                         {"reason", error.message},
                                                         {"delay_ms", delay.count()}});
        return {};
    }
    const std::int64_t applied_seq = lane.state().applied_seq;
    LEDGERLINE_CHECK(reload(lane));
    const LaneState& state = lane.state();
    if (state.applied_seq != applied_seq || lane.pending().empty()) return {};  // already handled
    const int streak = state.streak_code == error.code ? state.streak + 1 : 1;
    if (streak < config_.streak_max) return bury(lane, error, "unknown", attempts, streak);
    lane.pause_for(clock_.steady_now(), config_.halted_retry_interval);
    lane.halt_at_head(error.code, "its events fail one after the other for the same unknown reason: " + error.message);
    return {};
}

Result<void> Worker::bury(Lane& lane, const Error& error, const char* error_class, int attempts, int streak) {
    const Lane::Pending& guilty = lane.pending().front();
    BuriedEvent letter{ids_.next(), guilty.ref,    guilty.incoming, error_class,
                       error.code,  error.message, attempts,        lane.state().first_failed_at,
                       streak,      false};
    failpoint("worker.burying");
    ApplyTrace trace(tracer_, config_.messaging, span_attributes_, lane, 1, "bury event");
    const TraceScope scope(trace.context());
    auto buried = store_.bury(lane.id(), lane.state().applied_seq, letter);
    if (is_refusal(buried)) {
        letter.bare = true;
        buried = store_.bury(lane.id(), lane.state().applied_seq, letter);
    }
    if (!buried) trace.failed(buried.error());
    if (is_refusal(buried)) {
        lane.pause_for(clock_.steady_now(), config_.halted_retry_interval);
        lane.halt_at_head("letter_refused", "its dead letter cannot be written: " + buried.error().message);
        return {};
    }
    if (!buried) return std::unexpected(buried.error());
    if (!*buried) {
        trace.came_to_nothing("cursor_moved");
        return reload(lane);
    }
    failpoint("worker.buried");
    trace.buried(letter);
    metrics_.dlq_messages_total.Add({{"class", error_class}}).Increment();
    metrics_.events_consumed("parked").Increment();
    log::error("event parked", {{"dead_letter_id", letter.letter_id},
                                {"trace_id", trace_id_of(guilty.traceparent)},
                                {"event_id", guilty.ref.event_id},
                                {"lane", lane.id()},
                                {"seq", guilty.ref.seq},
                                {"class", error_class},
                                {"code", error.code},
                                {"reason", error.message},
                                {"attempts", attempts}});
    lane.advance(1, streak, streak > 0 ? error.code : std::string());
    lane.widen();
    lane.succeeded();
    on_outcome_();
    return {};
}

}  // namespace ledgerline::apply
