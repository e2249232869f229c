// PublishProbe: what others can see of the publisher: its metrics, its log lines, its spans and its part in /readyz.
// The publisher tells it what happened; only this class knows what any of that is called outside.
//
// Not thread-safe, except trouble().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/standing.h"
#include "bus/messaging.h"
#include "observe/batch_log.h"
#include "observe/metrics.h"
#include "observe/tracer.h"
#include "publish/outbox_store.h"
#include "publish/publish_trace.h"

namespace ledgerline::publish {

class PublishProbe {
public:
    // Arguments passed by reference must outlive it.
    PublishProbe(bus::MessagingNames messaging, Metrics& metrics, Tracer& tracer);

    // The database, as of the last round. Only changes are logged.
    void database_away(const Error& error);
    void database_answered();
    // Why cursors and leases cannot be written; empty while they can. Thread-safe.
    std::optional<std::string> trouble() const { return standing_.trouble(); }

    // Leases.
    void holds(std::size_t leases);
    void released_all();
    void not_released(const Error& error);
    // Another process has moved the lane's cursor, or its epoch has changed.
    void continues_elsewhere(const Lease& lease);

    // Lanes that cannot continue: those whose next event is missing, and those whose next event the bus refuses.
    void stopped(std::size_t at_hole, std::size_t halted);
    void found_hole();
    void halted(const Lease& lease, const Error& error);
    void paused(const Lease& lease, const Error& error);
    void waits_for_bus(int lane, const std::string& text);

    void measured(const Backlog& backlog);

    // One round: the spans of the events that it sends. The result must not outlive the probe.
    std::shared_ptr<PublishTrace> begin_round();
    void sent(std::size_t events);
    void delivered();
    void not_delivered();
    // The bus has reported on all events that a lane had under way.
    void reported_all(SteadyTime::duration since_sent);
    // Takes the events that cursors are about to pass.
    BatchLog published();

private:
    const bus::MessagingNames messaging_;
    const SpanAttributes span_attributes_;  // set on every event's span
    Metrics& metrics_;
    Tracer& tracer_;
    Standing standing_;
    bool is_away_ = false;
    std::size_t leases_ = 0;
};

}  // namespace ledgerline::publish
