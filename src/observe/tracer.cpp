#include "observe/tracer.h"

#include <charconv>

namespace ledgerline {
namespace {

// SplitMix64's finaliser: a bijection, so different numbers stay different, that leaves no visible pattern.
constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}
constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;

std::uint64_t number_of(std::string_view hex) {
    std::uint64_t number = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
    return number;
}

const SystemClock& system_clock() {
    static const SystemClock clock;
    return clock;
}

}  // namespace

thread_local const TraceContext* TraceScope::current_ = nullptr;

// By the trace id's last 63 bits, like other implementations of OpenTelemetry: all services that see a trace make the
// same decision, and a larger ratio samples everything that a smaller one does.
bool Sampler::samples(const TraceContext* parent, const TraceId& trace_id) const {
    if (parent && parent_based) return parent->sampled;
    if (ratio >= 1) return true;
    if (ratio <= 0) return false;
    const std::uint64_t number = number_of(std::string_view(trace_id).substr(16)) >> 1;
    return static_cast<double>(number) < ratio * 0x1p63;
}

Tracer::Tracer(Random& random) : Tracer(Sampler{0, false}, nullptr, system_clock(), random) {}

Tracer::Tracer(Sampler sampler, SpanSink* sink, const Clock& clock, Random& random)
    : sampler_(sampler), sink_(sink), clock_(clock), numbers_(random.next()), process_(random.next()) {}

Tracer& Tracer::off() {
    static SystemRandom random;
    static Tracer tracer(random);
    return tracer;
}

std::uint64_t Tracer::next_number() { return numbers_.fetch_add(kStep, std::memory_order_relaxed); }

TraceId Tracer::new_trace_id() {
    const std::uint64_t number = next_number();
    const auto upper = HexText<16>::of(mix(process_ ^ number)), lower = HexText<16>::of(mix(number) | 1);
    std::string digits(upper);
    digits += lower;
    return TraceId(digits);
}

SpanId Tracer::new_span_id() {
    const std::uint64_t number = mix(next_number());
    return SpanId::of(number == 0 ? 1 : number);
}

Span Tracer::start(SpanKind kind, std::string_view name, const std::optional<TraceContext>& parent,
                   std::optional<WallTime> begun_at) {
    if (!enabled()) return Span(parent ? *parent : TraceContext{new_trace_id(), new_span_id(), false}, *this, nullptr);
    TraceContext context{parent ? parent->trace_id : new_trace_id(), new_span_id(), false};
    context.sampled = sampler_.samples(parent ? &*parent : nullptr, context.trace_id);
    return make(kind, name, context, parent ? parent->span_id : SpanId(), begun_at);
}

Span Tracer::start_below(const TraceContext& parent, SpanKind kind, std::string_view name,
                         std::optional<WallTime> begun_at) {
    if (!enabled() || !parent.sampled) return Span(parent, *this, nullptr);
    return make(kind, name, {parent.trace_id, new_span_id(), true}, parent.span_id, begun_at);
}

Span Tracer::start_batch(std::string_view name, std::span<const TraceContext> members) {
    if (!enabled() || members.empty()) return Span();
    Span span = start_below(members.front(), SpanKind::internal, name);
    for (const TraceContext& member : members) span.link(member);
    return span;
}

Span Tracer::make(SpanKind kind, std::string_view name, const TraceContext& context, const SpanId& parent_id,
                  std::optional<WallTime> begun_at) {
    if (!context.sampled) return Span(context, *this, nullptr);
    auto data = std::make_unique<SpanData>();
    data->context = context;
    data->parent_id = parent_id;
    data->kind = kind;
    data->attributes.reserve();
    data->name = name;
    data->begun_at = begun_at ? *begun_at : now();
    return Span(context, *this, std::move(data));
}

}  // namespace ledgerline
