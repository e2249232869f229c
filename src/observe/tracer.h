// Tracer: begins spans, decides which are sampled, and hands ended ones to the exporter. Safe to use from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "observe/span.h"
#include "observe/trace.h"

namespace ledgerline {

// Which spans are recorded. The names are those of OpenTelemetry (OTEL_TRACES_SAMPLER).
struct Sampler {
    // The share of traces sampled among those that begin here, or among all when parent_based is false: 1 is always_on,
    // 0 is always_off.
    double ratio = 1;
    // Follows the caller's decision when there is a caller.
    bool parent_based = true;

    bool samples(const TraceContext* parent, const TraceId& trace_id) const;
};

// Takes ended spans. Must not block. Safe to use from any thread.
class SpanSink {
public:
    virtual ~SpanSink() = default;
    virtual void take(std::unique_ptr<SpanData> span) = 0;
};

class Tracer {
public:
    // Records nothing: contexts are passed on as they came, and a trace that begins here says that it is not sampled.
    explicit Tracer(Random& random);
    // All of them must outlive it.
    Tracer(Sampler sampler, SpanSink& sink, const Clock& clock, Random& random)
        : Tracer(sampler, &sink, clock, random) {}
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    // A tracer that records nothing.
    static Tracer& off();

    // False: no span is ever recorded, so work that only prepares one can be skipped.
    bool enabled() const { return sink_ != nullptr; }

    // Without a parent, a new trace begins. begun_at: now by default.
    Span start(SpanKind kind, std::string_view name, const std::optional<TraceContext>& parent,
               std::optional<WallTime> begun_at = std::nullopt);
    // A span below one of ours; it is recorded when that one is.
    Span start_below(const TraceContext& parent, SpanKind kind, std::string_view name,
                     std::optional<WallTime> begun_at = std::nullopt);

    // One piece of work done for many members. Its span belongs to the first member's trace, so that a trace shows
    // everything done for it when it was alone, and links to every member. Only sampled members count; without any, it
    // records nothing.
    Span start_batch(std::string_view name, std::span<const TraceContext> members);
    // The same for items that each have a traceparent. Consecutive repetitions count once.
    template <class Items, class Member>
    Span start_batch(std::string_view name, const Items& items, Member traceparent) {
        std::vector<TraceContext> members;
        std::string_view before;
        for (auto item = items.begin(); enabled() && item != items.end(); ++item) {
            const std::string& text = (*item).*traceparent;
            if (text == std::exchange(before, text)) continue;
            if (const auto context = TraceContext::parse(text); context && context->sampled)
                members.push_back(*context);
        }
        return start_batch(name, members);
    }

    WallTime now() const { return clock_.wall_now(); }

    // Called when a span ends.
    void finish(std::unique_ptr<SpanData> span) { sink_->take(std::move(span)); }

private:
    Tracer(Sampler sampler, SpanSink* sink, const Clock& clock, Random& random);
    std::uint64_t next_number();
    TraceId new_trace_id();
    SpanId new_span_id();
    Span make(SpanKind kind, std::string_view name, const TraceContext& context, const SpanId& parent_id,
              std::optional<WallTime> begun_at);

    const Sampler sampler_;
    SpanSink* const sink_;
    const Clock& clock_;
    std::atomic<std::uint64_t> numbers_;
    const std::uint64_t process_;  // upper half of the trace ids that begin here, before mixing
};

// What the calling thread works for: database sessions put their spans below it, so that no seam in between has to pass
// it on. Scopes nest.
class TraceScope {
public:
    explicit TraceScope(const TraceContext& context) : context_(context), outer_(current_) { current_ = &context_; }
    ~TraceScope() { current_ = outer_; }
    TraceScope(const TraceScope&) = delete;
    TraceScope& operator=(const TraceScope&) = delete;

    // Null: the thread works for nothing that is traced.
    static const TraceContext* current() { return current_; }

private:
    static thread_local const TraceContext* current_;
    const TraceContext context_;
    const TraceContext* const outer_;
};

}  // namespace ledgerline
