#include "publish/publish_trace.h"

#include <utility>
#include <vector>

namespace ledgerline::publish {

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
    spans_.emplace(number, std::move(span));
}

void PublishTrace::begin_round() {
    std::vector<TraceContext> members;
    members.reserve(spans_.size());
    for (const auto& [number, span] : spans_) members.push_back(span.context());
    round_ = tracer_.start_batch("publish batch", members);
    round_.set("messaging.system", names_.system).set("messaging.destination.name", names_.topic);
    round_.set("messaging.batch.message_count", count_);
}

void PublishTrace::report(std::size_t number, const std::string& reason) {
    const auto span = spans_.find(number);
    if (span == spans_.end()) return;
    if (!reason.empty()) {
        span->second.fail("not_delivered", reason);
        if (!std::exchange(failed_, true)) round_.fail("not_delivered", reason);
    }
    span->second.end();
    spans_.erase(span);
}

}  // namespace ledgerline::publish
