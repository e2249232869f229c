#include "http/server/meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace ledgerline::http {
namespace {

// Labels are bounded: a client may invent methods, and each would become a time series.
constexpr std::array<std::string_view, 7> known_methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// Routes that monitors request every few seconds: at the default level they would drown out the requests of clients.
constexpr std::array<std::string_view, 5> probe_routes{"health", "livez", "readyz", "metrics", "stats"};

const prometheus::Histogram::BucketBoundaries kSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                       0.25,   0.5,   1,      2.5,   5,    10,    30};

std::string route_label(const Route* route) { return route ? route->name : "none"; }

log::Field duration_field(SteadyTime::duration duration) {
    log::Field field("duration_ms", 0);
    field.value = json::Number{fmt::format("{:.3f}", std::chrono::duration<double, std::milli>(duration).count())};
    return field;
}

void log_answer(log::Level level, const Exchange& exchange, const Response& response, SteadyTime::duration duration) {
    const Request& request = exchange.request;
    // The method is the client's text; the log gets the label, which is bounded.
    log::write(level, log::request_answered,
               {{"request_id", request.request_id},
                {"trace_id", request.trace.trace_id},
                {"method", method_label(request.method)},
                {"path", exchange.route ? exchange.route->pattern : ""},
                {"route", route_label(exchange.route)},
                {"status", response.status},
                {"key_id", request.key_id()},
                {"peer", request.peer},
                {"code", response.problem_code},
                duration_field(duration),
                {"reason", exchange.failure}});
}

}  // namespace

std::string_view method_label(std::string_view method) {
    const auto known = std::ranges::find(known_methods, method);
    return known == known_methods.end() ? "other" : *known;
}

bool is_probe(const Route& route) { return std::ranges::find(probe_routes, route.name) != probe_routes.end(); }

Dropped dropped_for(Eviction reason) {
    if (reason == Eviction::crowded) return Dropped::crowded;
    return reason == Eviction::request_bytes ? Dropped::request_bytes : Dropped::answer_bytes;
}

// 505 is the client's fault, despite its class.
bool is_server_fault(const Response& response) { return response.status >= 500 && response.status != 505; }

void Meter::record(const Exchange& exchange, const Response& response, SteadyTime now) {
    const std::string_view method = method_label(exchange.request.method);
    const auto duration = now - exchange.complete_at;
    counter_of({method, exchange.route, response.status}).Increment();
    histogram_of({method, exchange.route}).Observe(std::chrono::duration<double>(duration).count());
    if (!exchange.handled && !response.problem_code.empty()) record_refusal(response.problem_code);
    const log::Level level = level_of(exchange, response);
    if (log::enabled(level) && is_logged(exchange, response, now)) log_answer(level, exchange, response, duration);
    log_the_unlogged(now);
}

log::Level Meter::level_of(const Exchange& exchange, const Response& response) const {
    // Probes are counted, not logged: one that is answered 503 twice a second must not fill the log.
    if (exchange.route && is_probe(*exchange.route)) return log::Level::debug;
    if (is_server_fault(response)) return log::Level::error;
    const bool is_paid = exchange.route && exchange.route->is_payment && response.status < 300;
    return is_paid && !log_payments_ ? log::Level::debug : log::Level::info;
}

bool Meter::is_logged(const Exchange& exchange, const Response& response, SteadyTime now) {
    if (exchange.handled || response.problem_code.empty()) return true;
    Refusals& refusals = refusals_[response.problem_code];
    if (now < refusals.next_log) {
        ++refusals.unlogged;
        return false;
    }
    if (refusals.unlogged == 0) refusals.next_log = now + refusal_log_pause;
    return true;
}

void Meter::log_the_unlogged(SteadyTime now) {
    for (auto& [code, refusals] : refusals_) {
        if (refusals.unlogged == 0 || now < refusals.next_log) continue;
        log::info("more requests refused", {{"code", code}, {"count", std::exchange(refusals.unlogged, 0)}});
        refusals.next_log = now + refusal_log_pause;
    }
}

void Meter::record_refusal(std::string_view reason) {
    metrics_.http_rejected_total.Add({{"reason", std::string(reason)}}).Increment();
}

void Meter::record_dropped(Dropped reason) {
    metrics_.http_connections_dropped(Metrics::http_drop_reasons[static_cast<std::size_t>(reason)]).Increment();
}

prometheus::Counter& Meter::counter_of(const Answer& answer) {
    prometheus::Counter*& counter = counters_[answer];
    if (!counter) {
        const auto& [method, route, status] = answer;
        counter = &metrics_.http_requests_total.Add(
            {{"method", std::string(method)}, {"route", route_label(route)}, {"status", std::to_string(status)}});
    }
    return *counter;
}

prometheus::Histogram& Meter::histogram_of(const Call& call) {
    const auto& [method, route] = call;
    prometheus::Histogram*& histogram = histograms_[call];
    if (!histogram)
        histogram = &metrics_.http_request_duration_seconds.Add(
            {{"method", std::string(method)}, {"route", route_label(route)}}, kSeconds);
    return *histogram;
}

}  // namespace ledgerline::http
