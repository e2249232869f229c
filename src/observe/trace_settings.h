// What the standard OTEL_* variables say about traces.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "observe/otlp_exporter.h"
#include "observe/tracer.h"

namespace ledgerline {

struct TraceSettings {
    std::string url;  // where spans are posted; empty: traces are off
    std::vector<std::pair<std::string, std::string>> headers;
    Sampler sampler;
    ExporterConfig exporter;
    std::vector<std::string> warnings;  // for the log: what was asked for and is left out
};

// The value of an environment variable; nothing when it is not set.
using ReadVariable = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> read_environment(const char* name);

// service: the service's name where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES give none. Variables that are empty
// count as not set. Nothing is asked of the other variables while traces are off: no endpoint, OTEL_SDK_DISABLED=true
// or OTEL_TRACES_EXPORTER=none.
//
// These variables are often set for all programs of a machine at once. One that asks for what this one does not do, or
// is malformed, turns traces off with a warning that names it and its rule, and never a header's value.
TraceSettings read_trace_settings(const ReadVariable& read, std::string_view service, std::string_view version);

}  // namespace ledgerline
