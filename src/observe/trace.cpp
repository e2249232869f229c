#include "observe/trace.h"

#include <algorithm>

namespace ledgerline {
namespace {

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text) {
    // version "-" trace-id "-" parent-id "-" flags
    if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
    const auto version = text.substr(0, 2), trace_id = text.substr(3, 32), parent_id = text.substr(36, 16),
               flags = text.substr(53, 2);
    if (!is_lower_hex(version) || !is_lower_hex(trace_id) || !is_lower_hex(parent_id) || !is_lower_hex(flags))
        return std::nullopt;
    if (version == "ff" || is_zero(trace_id) || is_zero(parent_id)) return std::nullopt;
    if (text.size() > 55 && (version == "00" || text[55] != '-')) return std::nullopt;
    const char last = flags[1];
    const int low_bits = last <= '9' ? last - '0' : last - 'a' + 10;
    return TraceContext{TraceId(trace_id), SpanId(parent_id), (low_bits & 1) != 0};
}

std::string TraceContext::to_string() const {
    std::string text = "00-";
    text.reserve(55);
    text += trace_id;
    text += '-';
    text += span_id;
    text += sampled ? "-01" : "-00";
    return text;
}

std::string trace_id_of(std::string_view traceparent) {
    const auto context = TraceContext::parse(traceparent);
    return context ? std::string(context->trace_id) : std::string();
}

}  // namespace ledgerline
