#include "observe/otlp_json.h"

namespace ledgerline {
namespace {

// About the length of a span with ten attributes; the text grows when that is too little.
constexpr std::size_t kSpanBytes = 1024;

void append_time(std::string_view name, WallTime time, std::string& out) {
    out += name;
    out += std::to_string(time.time_since_epoch().count());
    out += R"(000")";
}

void append_array(std::string_view name, const std::string& members, std::string& out) {
    if (members.empty()) return;
    out += name;
    out += members;
    out += ']';
}

void append_span(const SpanData& span, std::string& out) {
    out += R"({"traceId":")";
    out += span.context.trace_id;
    out += R"(","spanId":")";
    out += span.context.span_id;
    if (!span.parent_id.is_zero()) {
        out += R"(","parentSpanId":")";
        out += span.parent_id;
    }
    out += R"(","flags":1,"name":)";
    SpanAttributes::append_text(span.name, out);
    out += R"(,"kind":)";
    out += std::to_string(static_cast<int>(span.kind));
    append_time(R"(,"startTimeUnixNano":")", span.begun_at, out);
    append_time(R"(,"endTimeUnixNano":")", span.ended_at, out);
    append_array(R"(,"attributes":[)", span.attributes.json(), out);
    append_array(R"(,"events":[)", span.events, out);
    append_array(R"(,"links":[)", span.links, out);
    if (span.links_dropped > 0) {
        out += R"(,"droppedLinksCount":)";
        out += std::to_string(span.links_dropped);
    }
    if (span.status == SpanStatus::error) {
        out += R"(,"status":{"code":2,"message":)";
        SpanAttributes::append_text(span.status_message, out);
        out += '}';
    }
    out += '}';
}

}  // namespace

std::string encode_otlp(std::span<const std::unique_ptr<SpanData>> spans, const SpanAttributes& resource,
                        std::string_view version) {
    std::string out;
    out.reserve(spans.size() * kSpanBytes);
    out += R"({"resourceSpans":[{"resource":{"attributes":[)";
    out += resource.json();
    out += R"(]},"scopeSpans":[{"scope":{"name":"ledgerline","version":)";
    SpanAttributes::append_text(version, out);
    out += R"(},"spans":[)";
    for (const auto& span : spans) {
        if (&span != &spans.front()) out += ',';
        append_span(*span, out);
    }
    out += "]}]}]}";
    return out;
}

}  // namespace ledgerline
