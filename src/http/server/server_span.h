// ServerSpan: the span of each request, from its first byte to its answer (OpenTelemetry's HTTP server span).
#pragma once

#include "http/server/exchange.h"
#include "http/server/listener.h"
#include "observe/tracer.h"

namespace ledgerline::http {

// The attributes common to all requests of a listener.
SpanAttributes server_attributes(const ListenerConfig& config);

// Begins the span below the caller's traceparent, or a new trace without one, and puts its context into the request.
void begin_server_span(Tracer& tracer, Exchange& exchange);
// Ends it with the answer's attributes. Probes leave no span.
void end_server_span(const SpanAttributes& server, Exchange& exchange, const Response& response);

}  // namespace ledgerline::http
