// CallMeter: measures how long each named statement of one session takes, and makes a span for each round trip.
//
// The spans are children of what the thread works for (TraceScope); without that, none are made. They hold the
// statements' names, never their text or parameters.
//
// Not thread-safe: it belongs to one session.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "db/statement.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline::db {

struct Call;

class CallMeter {
public:
    // Both must outlive it.
    CallMeter(Metrics& metrics, Tracer& tracer) : metrics_(metrics), tracer_(tracer) {}

    // The name of the session's database, for the spans.
    void set_database(std::string name) { database_ = std::move(name); }

    // Call begin() before each round trip, and answered() at the result of each statement. The server runs the
    // statements one after another, so a statement's time counts from the previous answer.
    void begin(std::span<const Call> calls);
    void answered(const Statement& statement);
    void end(const Error* error);

private:
    void begin_span(std::span<const Call> calls, const TraceContext& parent);

    Metrics& metrics_;
    Tracer& tracer_;
    std::string database_;
    std::unordered_map<std::string_view, prometheus::Histogram*> seconds_;  // by statement name
    SteadyTime answered_at_;
    Span span_;
};

}  // namespace ledgerline::db
