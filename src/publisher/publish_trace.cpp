#include "publisher/publish_trace.h"

namespace ledgerline {

void PublishTrace::add(Event& event) {
    const std::size_t number = count_++;
    if (!tracer_.enabled()) return;
    const auto parent = TraceContext::parse(event.traceparent);
    if (!parent) return;
    Span span = tracer_.start(SpanKind::producer, name_, parent, begun_at_);
    if (!span.recording()) return;
    span.set_all(attributes_);
    span.set("messaging.destination.partition.id", std::to_string(event.lane));
    span.set("messaging.message.id", event.event_id);
    span.set("ledgerline.transaction.id", event.transaction_id);
    span.set("ledgerline.lane", event.lane).set("ledgerline.seq", event.seq);
    event.traceparent = span.context().to_string();
    spans_.emplace_back(number, std::move(span));
}

void PublishTrace::begin_round() {
    std::vector<TraceContext> members;
    members.reserve(spans_.size());
    for (const auto& [number, span] : spans_) members.push_back(span.context());
    round_ = tracer_.start_batch("publish batch", members);
    round_.set("messaging.system", names_.system).set("messaging.destination.name", names_.topic);
    round_.set("messaging.batch.message_count", count_);
}

void PublishTrace::delivered(const std::vector<bool>& flags) {
    const WallTime now = tracer_.now();
    for (auto& [number, span] : spans_) {
        if (!flags[number]) span.fail("not_delivered", "the bus did not acknowledge the message; it is sent again");
        span.end_at(now);
    }
}

void PublishTrace::failed(const Error& error) {
    for (auto& [number, span] : spans_) {
        span.fail(error);
        span.end();
    }
    round_.fail(error);
}

}  // namespace ledgerline
