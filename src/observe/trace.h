// Trace context: the traceparent header (W3C Trace Context, level 1, section 3.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace ledgerline {

struct TraceContext {
    std::string trace_id;   // 32 lower-case hexadecimal digits, not all zero
    std::string parent_id;  // 16 of them, not all zero
    bool sampled = false;

    // Nothing when the text breaks the specification. Versions after 00 are read as it demands: by their first fields.
    static std::optional<TraceContext> parse(std::string_view traceparent);
    // A new trace.
    static TraceContext create(Random& random);
    // The same trace, under a new span of ours.
    TraceContext child(Random& random) const;
    std::string to_string() const;
};

// The trace id of a traceparent; empty when it is none.
std::string trace_id_of(std::string_view traceparent);

}  // namespace ledgerline
