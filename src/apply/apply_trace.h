// ApplyTrace: the spans of one try to apply a batch or to park an event. The try gets one in the trace of its first
// sampled member, with its database calls below it. Each member gets one below its message's when it is settled, with a
// link to the try. A try that fails leaves its own span and that of the first member, both with the error.
//
// Not thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "apply/lane.h"
#include "apply/ledger_store.h"
#include "base/result.h"
#include "bus/messaging.h"
#include "observe/tracer.h"

namespace ledgerline::apply {

class ApplyTrace {
public:
    // A try to settle the first `events` pending events of a lane; name is that of its span.
    struct Try {
        const Lane& lane;
        std::size_t events;
        std::string_view name;
    };

    // attributes: set on every event's span. All must outlive it; pending events are read until applied() or parked().
    ApplyTrace(Tracer& tracer, const bus::MessagingNames& names, const SpanAttributes& attributes, const Try& its_try);

    // The parent of the try's database calls.
    const TraceContext& context() const { return batch_.context(); }

    // Call before the lane advances over the events. outcomes: those of the pending events, in lane order, and perhaps
    // of places behind them, which have no message to be traced by.
    void applied(const std::vector<Applied>& outcomes);
    void failed(const Error& error);
    // The try changed nothing: the cursor had moved, an event was not proven, or its version is too new.
    void came_to_nothing(std::string_view why);
    // The first event becomes a dead letter.
    void parked(const ParkedEvent& letter);

private:
    Span start(const Lane::Pending& pending, const std::string& stored_traceparent);
    void describe(Span& span, const Lane::Pending& pending) const;

    Tracer& tracer_;
    const bus::MessagingNames& names_;
    const SpanAttributes& attributes_;
    const Lane& lane_;
    WallTime begun_at_;
    std::size_t leader_ = 0;  // index of the first sampled member
    Span leader_span_;
    Span batch_;
};

}  // namespace ledgerline::apply
