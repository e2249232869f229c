// PublishTrace: the spans of one publish round. Each event whose trace is sampled gets one, from the read to the
// acknowledgement; everything that happens to its message lies below it. The round gets one that links them.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "bus/messaging.h"
#include "domain/event.h"
#include "observe/tracer.h"

namespace ledgerline::publish {

class PublishTrace {
public:
    // attributes: set on every event's span. Both must outlive it.
    PublishTrace(Tracer& tracer, const bus::MessagingNames& names, const SpanAttributes& attributes)
        : tracer_(tracer),
          names_(names),
          attributes_(attributes),
          name_("publish " + names.topic),
          begun_at_(tracer.now()) {}

    // Begins the event's span and puts its traceparent into the event, and so into the message. Events are numbered
    // from 0 in call order.
    void add(Event& event);
    // Begins the round's span. Call after the last add().
    void begin_round();
    // The parent of the round's database calls.
    const TraceContext& context() const { return round_.context(); }

    // The fate of the event with that number: why its message was not delivered, or empty when it was. Ends the event's
    // span. Call once per event, possibly long after the round.
    void report(std::size_t number, const std::string& reason);

private:
    Tracer& tracer_;
    const bus::MessagingNames& names_;
    const SpanAttributes& attributes_;
    const std::string name_;
    const WallTime begun_at_;
    std::size_t count_ = 0;
    std::map<std::size_t, Span> spans_;  // by event number
    Span round_;
    bool failed_ = false;
};

}  // namespace ledgerline::publish
