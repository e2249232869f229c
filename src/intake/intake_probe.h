// IntakeProbe: what others can see of intake: its metrics, its log lines, its spans and its part in /readyz. The
// batcher tells it what happened; only this class knows what any of that is called outside.
//
// queued(), gave_way(), threw() and trouble() are thread-safe; the rest belongs to the thread that runs the batches.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/standing.h"
#include "intake/intake_queue.h"
#include "intake/intake_store.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline::intake {

class IntakeProbe {
public:
    // Arguments must outlive it.
    IntakeProbe(Metrics& metrics, Tracer& tracer);

    // What waits now.
    void queued(const IntakeQueue::Size& waiting);
    // So many rows left the full queue for those of other tenants.
    void gave_way(std::size_t rows);

    // Intake waits for the worker.
    void paced(milliseconds pause);

    // One batch: its span. waited: its oldest row, until now.
    Span begin_batch(std::span<const IntakeItem> items, SteadyTime::duration waited);
    // One try to commit it.
    void tried(SteadyTime::duration took);
    void fate_unknown(const Error& error);
    void too_slow(std::size_t rows);
    // The database refuses this row on its own.
    void refused(const IntakeItem& item, const Error& error);
    // One answer per item.
    void answered(std::span<const IntakeItem> items, const IntakeAnswers& answers);

    // Whether another session holds a lane for too long.
    void lane_held(int lane);
    void lane_free(int lane);

    // The database. Only changes are logged.
    void database_away(const Error& error);
    void database_answered();
    // Why intake cannot commit; empty while it can.
    std::optional<std::string> trouble() const { return standing_.trouble(); }

    // A round of a loop ended in an exception.
    void threw(const char* what) noexcept;

private:
    prometheus::Counter& counter_of(const Result<IntakeResult>& answer);

    Metrics& metrics_;
    Tracer& tracer_;
    prometheus::Counter& created_;
    prometheus::Counter& replayed_;
    prometheus::Counter& refused_;
    prometheus::Counter& failed_;
    prometheus::Counter& gave_way_;
    Standing standing_;
    bool is_away_ = false;
};

}  // namespace ledgerline::intake
