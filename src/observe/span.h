// Span: one timed piece of work in a trace, described in OpenTelemetry's terms.
//
// A span that is not sampled holds its context and nothing else: recording into it costs one comparison. Attributes are
// named by OpenTelemetry's semantic conventions; our own begin with "ledgerline.". Never put bodies, idempotency keys,
// credentials or statement parameters into a span.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "base/uuid.h"
#include "observe/trace.h"

namespace ledgerline {

enum class SpanKind { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };  // the numbers are OTLP's
enum class SpanStatus { unset = 0, error = 2 };

// Attributes, kept as the JSON text in which they leave the process: each is written once and never read again.
class SpanAttributes {
public:
    // Longer texts are truncated to this. Bytes that are not UTF-8 are replaced: a collector would refuse the whole
    // batch.
    static constexpr std::size_t text_chars_max = 1024;
    // Enough for most spans; reserved up front.
    static constexpr std::size_t usual_bytes = 1000;

    SpanAttributes& add(std::string_view key, std::string_view text);
    SpanAttributes& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
    SpanAttributes& add(std::string_view key, bool value);
    SpanAttributes& add(std::string_view key, const Uuid& id);
    template <std::integral T>
    SpanAttributes& add(std::string_view key, T number) {
        return add_number(key, static_cast<std::int64_t>(number));
    }

    void append(const SpanAttributes& others);
    void reserve() { json_.reserve(usual_bytes); }

    // The members of OTLP's attributes array, without its brackets.
    const std::string& json() const { return json_; }

    // Appends a text as a JSON string that every collector accepts.
    static void append_text(std::string_view text, std::string& out);

private:
    SpanAttributes& add_number(std::string_view key, std::int64_t number);
    void begin(std::string_view key);

    std::string json_;
};

struct SpanData {
    static constexpr unsigned links_max = 128;  // OpenTelemetry's default; further ones are only counted

    TraceContext context;
    SpanId parent_id;  // zero: the trace begins here
    SpanKind kind = SpanKind::internal;
    std::string name;
    WallTime begun_at;
    WallTime ended_at;
    SpanAttributes attributes;
    std::string events;  // members of OTLP's array, without its brackets
    std::string links;   // the same
    unsigned links_count = 0;
    unsigned links_dropped = 0;
    SpanStatus status = SpanStatus::unset;
    std::string status_message;

    void add_event(WallTime at, std::string_view event_name, const SpanAttributes& event_attributes);
    void add_link(const TraceContext& other);
};

class Tracer;

// Ends when destroyed. Not thread-safe: one thread at a time.
class Span {
public:
    // Records nothing and has no context.
    Span() = default;
    // Made by the tracer, which must outlive it. data is null when the span is not sampled.
    Span(const TraceContext& context, Tracer& tracer, std::unique_ptr<SpanData> data)
        : context_(context), tracer_(&tracer), data_(std::move(data)) {}
    Span(Span&& other) noexcept = default;
    Span& operator=(Span&& other) noexcept;
    ~Span() { end(); }

    // What its children use as their parent.
    const TraceContext& context() const { return context_; }
    bool recording() const { return data_ != nullptr; }

    void rename(std::string name) {
        if (data_) data_->name = std::move(name);
    }
    template <class V>
    Span& set(std::string_view key, const V& value) {
        if (data_) data_->attributes.add(key, value);
        return *this;
    }
    Span& set_all(const SpanAttributes& attributes);
    void add_event(std::string_view name, const SpanAttributes& attributes = {});
    // Links to a related span of any trace. Unsampled ones are left out.
    void link(const TraceContext& other) {
        if (data_ && other.sampled) data_->add_link(other);
    }
    // The work failed: status, error.type (a code with few values) and an exception event.
    void fail(std::string_view type, std::string_view message);
    void fail(const Error& error) { fail(error.code, error.message); }

    // Hands the span over for export. Anything recorded later is ignored. Repeatable.
    void end();
    void end_at(WallTime at);
    // Discards the span instead of exporting it.
    void drop() { data_.reset(); }

private:
    TraceContext context_;
    Tracer* tracer_ = nullptr;
    std::unique_ptr<SpanData> data_;
};

}  // namespace ledgerline
