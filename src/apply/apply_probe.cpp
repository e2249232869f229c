#include "apply/apply_probe.h"

#include <algorithm>
#include <utility>

#include "base/money.h"
#include "observe/batch_log.h"
#include "observe/log.h"
#include "observe/trace.h"

namespace ledgerline::apply {
namespace {

SpanAttributes span_attributes(const bus::MessagingNames& names) {
    return bus::messaging_attributes(names, "process", "process").add("messaging.consumer.group.name", names.group);
}

void log_outcome(const Applied& outcome) {
    const auto& [event, posting] = outcome;
    log::debug(posting.refusal ? "transaction refused" : "transaction processed",
               {{"trace_id", trace_id_of(event.traceparent)},
                {"event_id", event.event_id},
                {"transaction_id", event.transaction_id},
                {"account_id", event.account_id},
                {"lane", event.lane},
                {"seq", event.seq},
                {"failure_code", posting.refusal ? code_of(*posting.refusal) : std::string_view()}});
}

}  // namespace

ApplyProbe::ApplyProbe(bus::MessagingNames messaging, const Clock& clock, Metrics& metrics, Tracer& tracer)
    : messaging_(std::move(messaging)),
      span_attributes_(span_attributes(messaging_)),
      clock_(clock),
      metrics_(metrics),
      tracer_(tracer),
      processed_(metrics.events_consumed("processed")),
      failed_(metrics.events_consumed("failed")) {}

void ApplyProbe::paused(const Error& error, milliseconds delay) {
    standing_.troubled("the worker cannot apply: " + error.message);
    metrics_.worker_retries_total.Add({{"type", "transient"}}).Increment();
    log::warn("worker pauses", {{"reason", error.message}, {"code", error.code}, {"delay_ms", delay.count()}});
}

// Creates the series before the lane ever halts: an alert cannot see an increase in a series that begins at 1.
void ApplyProbe::loaded(const LaneState& state) {
    lag_gauge(state.lane).Set(static_cast<double>(state.last_seq - state.applied_seq));
    halted_gauge(state.lane);
}

// The old values must not contradict what the new owner measures.
void ApplyProbe::revoked(int lane) {
    lag_gauge(lane).Set(0);
    halted_gauge(lane).Set(0);
}

void ApplyProbe::halted(int lane, const LaneHalt& halt) {
    halted_gauge(lane).Set(1);
    log::error("lane halted", {{"lane", lane}, {"seq", halt.seq}, {"code", halt.code}, {"reason", halt.reason}});
}

void ApplyProbe::continues(const Lane& lane, bool was_recorded) {
    halted_gauge(lane.id()).Set(0);
    if (was_recorded) log::info("lane continues", {{"lane", lane.id()}, {"applied_seq", lane.state().applied_seq}});
}

void ApplyProbe::duplicate() { metrics_.events_consumed("duplicate").Increment(); }

void ApplyProbe::gap() { metrics_.events_consumed("gap").Increment(); }

void ApplyProbe::foreign() { metrics_.events_consumed("foreign").Increment(); }

void ApplyProbe::foreign_parked(std::span<const ForeignMessage> letters, std::size_t new_letters) {
    metrics_.dlq_messages_total.Add({{"class", "foreign"}}).Increment(static_cast<double>(new_letters));
    for (const ForeignMessage& letter : letters)
        log::error("foreign message parked", {{"dead_letter_id", letter.letter_id},
                                              {"lane", letter.incoming.partition},
                                              {"offset", letter.incoming.offset},
                                              {"code", letter.error_code},
                                              {"reason", letter.error_message}});
}

void ApplyProbe::foreign_lost(const ForeignMessage& letter, const Error& error) {
    log::error("foreign message cannot be kept", {{"lane", letter.incoming.partition},
                                                  {"offset", letter.incoming.offset},
                                                  {"bytes", letter.incoming.message.value.size()},
                                                  {"code", error.code},
                                                  {"reason", error.message}});
}

ApplyTrace ApplyProbe::begin_apply(const Lane& lane, std::size_t events) const {
    return {tracer_, messaging_, span_attributes_, {lane, events, "apply batch"}};
}

ApplyTrace ApplyProbe::begin_park(const Lane& lane) const {
    return {tracer_, messaging_, span_attributes_, {lane, 1, "park event"}};
}

void ApplyProbe::applied(const std::vector<Applied>& outcomes, SteadyTime::duration took) {
    metrics_.worker_batch_size.Observe(static_cast<double>(outcomes.size()));
    metrics_.worker_processing_duration_seconds.Observe(std::chrono::duration<double>(took).count());
    const WallTime now = clock_.wall_now();
    const bool log_each = log::enabled(log::Level::debug);
    BatchLog lines("events applied");
    for (const Applied& outcome : outcomes) {
        if (outcome.event.is_first) count(outcome, now);
        lines.add(outcome.event.lane, outcome.event.seq, outcome.event.traceparent);
        if (log_each) log_outcome(outcome);
    }
}

void ApplyProbe::count(const Applied& outcome, WallTime now) {
    (outcome.posting.refusal ? failed_ : processed_).Increment();
    Totals& totals = totals_of(outcome);
    totals.transactions->Increment();
    totals.amount_cents->Increment(static_cast<double>(outcome.event.amount_cents));
    // Accepted by the database's clock, applied by this process's clock: the two may differ a little.
    const std::chrono::duration<double> age = now - outcome.event.occurred_at;
    metrics_.end_to_end_seconds.Observe(std::max(0.0, age.count()));
}

// A currency that is not an ISO code, which only a hand-written row can have, must not create a time series of its own.
ApplyProbe::Totals& ApplyProbe::totals_of(const Applied& outcome) {
    const auto& [event, posting] = outcome;
    const std::string currency = is_currency(event.currency) ? event.currency : "other";
    const auto [found, is_new] = totals_.try_emplace({currency, event.type, !posting.refusal});
    if (is_new) {
        const prometheus::Labels labels{{"currency", currency},
                                        {"type", std::string(name_of(event.type))},
                                        {"outcome", posting.refusal ? "failed" : "processed"}};
        found->second = {&metrics_.transactions_total.Add(labels),
                         &metrics_.transactions_amount_cents_total.Add(labels)};
    }
    return found->second;
}

void ApplyProbe::parked(const Lane& lane, const ParkedEvent& letter) {
    metrics_.dlq_messages_total.Add({{"class", letter.error_class}}).Increment();
    metrics_.events_consumed("parked").Increment();
    log::error("event parked", {{"dead_letter_id", letter.letter_id},
                                {"trace_id", trace_id_of(lane.pending().front().traceparent)},
                                {"event_id", letter.ref.event_id},
                                {"lane", lane.id()},
                                {"seq", letter.ref.seq},
                                {"class", letter.error_class},
                                {"code", letter.error_code},
                                {"reason", letter.error_message},
                                {"attempts", letter.attempts}});
}

void ApplyProbe::retried(const Lane& lane, const Error& error, milliseconds delay) {
    metrics_.worker_retries_total.Add({{"type", "transient"}}).Increment();
    log::warn("lane pauses",
              {{"lane", lane.id()}, {"code", error.code}, {"reason", error.message}, {"delay_ms", delay.count()}});
}

void ApplyProbe::failed_unknown(const Lane& lane, const Error& error, int attempts, std::optional<milliseconds> delay) {
    metrics_.worker_retries_total.Add({{"type", "unknown"}}).Increment();
    if (!delay) return;
    log::warn("event failed for an unknown reason", {{"lane", lane.id()},
                                                     {"seq", lane.state().applied_seq + 1},
                                                     {"attempts", attempts},
                                                     {"code", error.code},
                                                     {"reason", error.message},
                                                     {"delay_ms", delay->count()}});
}

Span ApplyProbe::begin_rewind(const Lane& lane, const char* why) const {
    Span span = tracer_.start(SpanKind::internal, "rewind lane", std::nullopt);
    span.set("ledgerline.lane", lane.id()).set("ledgerline.applied_seq", lane.state().applied_seq);
    span.set("ledgerline.rewind.reason", why);
    return span;
}

void ApplyProbe::rewound(const Lane& lane, const char* why, bool moved, Span& span) {
    span.set("ledgerline.rewind.moved", moved);
    if (!moved) return;
    metrics_.worker_rewinds_total.Increment();
    log::warn("bus lost events: rewind",
              {{"lane", lane.id()}, {"applied_seq", lane.state().applied_seq}, {"why", why}});
}

prometheus::Gauge& ApplyProbe::halted_gauge(int lane) const {
    return metrics_.lane_halted.Add({{"lane", std::to_string(lane)}});
}

prometheus::Gauge& ApplyProbe::lag_gauge(int lane) const {
    return metrics_.lane_lag_events.Add({{"lane", std::to_string(lane)}});
}

}  // namespace ledgerline::apply
