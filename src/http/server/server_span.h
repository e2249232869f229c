// ServerSpan: the span of each request, from its first byte to its answer (OpenTelemetry's HTTP server span).
#pragma once

#include "http/server/exchange.h"
#include "http/server/listener.h"
#include "observe/tracer.h"

namespace ledgerline::http {

// What is true of every request of a listener.
SpanAttributes server_attributes(const ListenerConfig& config);

// Begins the span below the caller's traceparent, or a trace where there is none, and puts its context into the
// request.
void begin_server_span(Tracer& tracer, Exchange& exchange);
// Ends it with what was answered. Probes leave none.
void end_server_span(const SpanAttributes& server, Exchange& exchange, const Response& response);

}  // namespace ledgerline::http
