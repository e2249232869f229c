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
// Error bad_usage, refuse: names the variable and its rule. It never repeats a header's value.
Result<TraceSettings> read_trace_settings(const ReadVariable& read, std::string_view service, std::string_view version);

}  // namespace ledgerline
