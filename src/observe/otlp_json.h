// Spans in OTLP's JSON form (opentelemetry-proto, ExportTraceServiceRequest): ids in hexadecimal, times and integers as
// decimal strings, enumerations as numbers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "observe/span.h"

namespace ledgerline {

// The body of one export request. resource: the attributes that all spans of the process share.
std::string encode_otlp(std::span<const std::unique_ptr<SpanData>> spans, const SpanAttributes& resource,
                        std::string_view version);

}  // namespace ledgerline
