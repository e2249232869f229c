#include "apply/apply_trace.h"

#include <algorithm>
#include <optional>

namespace ledgerline::apply {

ApplyTrace::ApplyTrace(Tracer& tracer, const bus::MessagingNames& names, const SpanAttributes& attributes,
                       const Try& its_try)
    : tracer_(tracer), names_(names), attributes_(attributes), lane_(its_try.lane) {
    if (!tracer.enabled()) return;
    begun_at_ = tracer.now();
    std::vector<TraceContext> members;
    for (std::size_t i = 0; i < its_try.events && members.size() < SpanData::links_max; ++i) {
        const Lane::Pending& pending = lane_.pending()[i];
        const auto context = TraceContext::parse(pending.traceparent);
        if (!context || !context->sampled) continue;
        if (members.empty()) {
            leader_ = i;
            leader_span_ = start(pending, "");
        }
        members.push_back(*context);
    }
    if (!leader_span_.recording()) return;
    batch_ = tracer.start_below(leader_span_.context(), SpanKind::internal, its_try.name, begun_at_);
    for (const TraceContext& member : members) batch_.link(member);
    batch_.set("messaging.batch.message_count", its_try.events).set("ledgerline.lane", lane_.id());
}

// Below the message's span; below the stored one if the message names no trace.
Span ApplyTrace::start(const Lane::Pending& pending, const std::string& stored_traceparent) {
    auto parent = TraceContext::parse(pending.traceparent);
    if (!parent) parent = TraceContext::parse(stored_traceparent);
    if (!parent) return Span();
    return tracer_.start(SpanKind::consumer, "process " + names_.topic, parent, begun_at_);
}

void ApplyTrace::describe(Span& span, const Lane::Pending& pending) const {
    const bus::Incoming& incoming = pending.incoming;
    span.set_all(attributes_);
    span.set("messaging.destination.partition.id", std::to_string(incoming.partition));
    if (names_.system == "kafka") span.set("messaging.kafka.offset", incoming.offset);
    span.set("messaging.message.id", pending.ref.event_id);
    span.set("ledgerline.lane", lane_.id()).set("ledgerline.seq", pending.ref.seq);
}

void ApplyTrace::applied(const std::vector<Applied>& outcomes) {
    if (!tracer_.enabled()) return;
    const WallTime now = tracer_.now();
    for (std::size_t i = 0; i < std::min(outcomes.size(), lane_.pending().size()); ++i) {
        const auto& [event, posting] = outcomes[i];
        const Lane::Pending& pending = lane_.pending()[i];
        Span span =
            leader_span_.recording() && i == leader_ ? std::move(leader_span_) : start(pending, event.traceparent);
        if (!span.recording()) continue;
        describe(span, pending);
        span.set("ledgerline.transaction.id", event.transaction_id);
        span.set("ledgerline.account.id", event.account_id);
        span.set("ledgerline.outcome", posting.refusal ? "refused" : "processed");
        if (posting.refusal) span.set("ledgerline.failure.code", code_of(*posting.refusal));
        span.link(batch_.context());
        span.end_at(now);
    }
    if (leader_span_.recording()) {
        describe(leader_span_, lane_.pending()[leader_]);
        leader_span_.set("ledgerline.outcome", "waiting");
        leader_span_.end_at(now);
    }
    batch_.end_at(now);
}

void ApplyTrace::failed(const Error& error) {
    batch_.fail(error);
    batch_.end();
    if (!leader_span_.recording()) return;
    describe(leader_span_, lane_.pending()[leader_]);
    leader_span_.set("ledgerline.outcome", "failed").set("ledgerline.attempts", lane_.state().attempts + 1);
    leader_span_.fail(error);
    leader_span_.end();
}

void ApplyTrace::came_to_nothing(std::string_view why) {
    batch_.add_event(why);
    batch_.end();
    if (!leader_span_.recording()) return;
    describe(leader_span_, lane_.pending()[leader_]);
    leader_span_.set("ledgerline.outcome", why);
    leader_span_.end();
}

void ApplyTrace::parked(const ParkedEvent& letter) {
    if (!leader_span_.recording()) return;
    describe(leader_span_, lane_.pending()[leader_]);
    leader_span_.set("ledgerline.outcome", "dead_letter").set("ledgerline.attempts", letter.attempts);
    leader_span_.add_event("dead letter", SpanAttributes()
                                              .add("ledgerline.dead_letter.id", letter.letter_id)
                                              .add("ledgerline.error.class", letter.error_class));
    leader_span_.fail(letter.error_code, letter.error_message);
    leader_span_.end();
    batch_.end();
}

}  // namespace ledgerline::apply
