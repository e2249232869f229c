// ApplyProbe: what others can see of a worker: its metrics, its log lines, its spans and its part in /readyz. The
// worker tells it what happened; only this class knows what any of that is called outside.
//
// Each worker has its own, which keeps the counters of settled events out of the registry's locks. Not thread-safe,
// except trouble().
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "apply/apply_trace.h"
#include "apply/lane.h"
#include "apply/ledger_store.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/standing.h"
#include "bus/messaging.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline::apply {

class ApplyProbe {
public:
    // Arguments passed by reference must outlive it.
    ApplyProbe(bus::MessagingNames messaging, const Clock& clock, Metrics& metrics, Tracer& tracer);

    // The whole worker, as of its last round.
    void paused(const Error& error, milliseconds delay);
    void well() { standing_.well(); }
    // Why no lane can be applied; empty while lanes can. Thread-safe.
    std::optional<std::string> trouble() const { return standing_.trouble(); }

    // Lanes of this worker.
    void loaded(const LaneState& state);
    void revoked(int lane);
    void halted(int lane, const LaneHalt& halt);
    // The lane is no longer halted. was_recorded: the database knew of the halt.
    void continues(const Lane& lane, bool was_recorded);

    // Messages that are not applied.
    void duplicate();
    void gap();
    void foreign();
    void foreign_parked(std::span<const ForeignMessage> letters, std::size_t new_letters);
    void foreign_lost(const ForeignMessage& letter, const Error& error);

    // The spans of one try to settle the first `events` pending events of a lane.
    ApplyTrace begin_apply(const Lane& lane, std::size_t events) const;
    ApplyTrace begin_park(const Lane& lane) const;
    void applied(const std::vector<Applied>& outcomes, SteadyTime::duration took);
    void parked(const Lane& lane, const ParkedEvent& letter);

    // Failures of a lane. The batch is tried again after delay.
    void retried(const Lane& lane, const Error& error, milliseconds delay);
    // The same for one event that failed for an unknown reason. Without a delay, that was its last attempt.
    void failed_unknown(const Lane& lane, const Error& error, int attempts, std::optional<milliseconds> delay);

    // The span of one request to publish again what follows the cursor.
    Span begin_rewind(const Lane& lane, const char* why) const;
    // moved: there was something to publish again.
    void rewound(const Lane& lane, const char* why, bool moved, Span& span);

private:
    struct Totals {
        prometheus::Counter* transactions;
        prometheus::Counter* amount_cents;
    };
    using Kind = std::tuple<std::string, TransactionType, bool>;  // currency, type, whether it was processed

    void count(const Applied& outcome, WallTime now);
    Totals& totals_of(const Applied& outcome);
    prometheus::Gauge& halted_gauge(int lane) const;
    prometheus::Gauge& lag_gauge(int lane) const;

    const bus::MessagingNames messaging_;
    const SpanAttributes span_attributes_;  // set on every event's span
    const Clock& clock_;
    Metrics& metrics_;
    Tracer& tracer_;
    prometheus::Counter& processed_;
    prometheus::Counter& failed_;
    std::map<Kind, Totals> totals_;
    Standing standing_;
};

}  // namespace ledgerline::apply
