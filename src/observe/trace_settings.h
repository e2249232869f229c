// Reads the trace settings from the standard OTEL_* variables.
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
    std::vector<std::string> warnings;  // for the log: what was asked for but is not done
};

// The value of an environment variable; nothing when it is not set.
using ReadVariable = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> read_environment(const char* name);

// service: the service's name if neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES gives one. Empty variables
// count as not set. Other variables are not checked while traces are off: no endpoint, OTEL_SDK_DISABLED=true or
// OTEL_TRACES_EXPORTER=none.
//
// These variables are often set for all programs on a machine at once. One that is malformed, or asks for something
// unsupported, turns traces off with a warning that gives its name and its rule, but never a header's value.
TraceSettings read_trace_settings(const ReadVariable& read, std::string_view service, std::string_view version);

}  // namespace ledgerline
