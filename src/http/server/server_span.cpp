#include "http/server/server_span.h"

#include <fmt/format.h>

#include "http/server/meter.h"

namespace ledgerline::http {
namespace {

// The conventions' word for a method unknown to HTTP.
std::string_view method_attribute(std::string_view method) {
    const std::string_view label = method_label(method);
    return label == "other" ? "_OTHER" : label;
}

}  // namespace

SpanAttributes server_attributes(const ListenerConfig& config) {
    SpanAttributes attributes;
    attributes.add("url.scheme", config.tls ? "https" : "http").add("server.address", config.host);
    if (config.port != 0) attributes.add("server.port", config.port);
    return attributes;
}

void begin_server_span(Tracer& tracer, Exchange& exchange) {
    Request& request = exchange.request;
    const std::string* parent = request.header("traceparent");
    exchange.span =
        tracer.start(SpanKind::server, "HTTP", parent ? TraceContext::parse(*parent) : std::nullopt, exchange.begun_at);
    request.trace = exchange.span.context();
}

void end_server_span(const SpanAttributes& server, Exchange& exchange, const Response& response) {
    Span& span = exchange.span;
    if (!span.recording()) return;
    if (exchange.route && is_probe(*exchange.route)) return span.drop();
    const Request& request = exchange.request;
    const std::string_view method = method_attribute(request.method);
    span.rename(exchange.route ? fmt::format("{} {}", method, exchange.route->pattern) : std::string(method));
    span.set_all(server).set("http.request.method", method);
    if (exchange.route) span.set("http.route", exchange.route->pattern);
    if (!request.path.empty()) span.set("url.path", request.path);
    span.set("http.response.status_code", response.status);
    span.set("network.protocol.version", exchange.framing.minor_version == 0 ? "1.0" : "1.1");
    if (const std::string* agent = request.header("user-agent")) span.set("user_agent.original", *agent);
    span.set("ledgerline.request.id", request.request_id);
    if (!response.problem_code.empty()) span.set("ledgerline.problem.code", response.problem_code);
    if (is_server_fault(response))
        span.fail(std::to_string(response.status), exchange.failure.empty() ? response.problem_code : exchange.failure);
    span.end();
}

}  // namespace ledgerline::http
