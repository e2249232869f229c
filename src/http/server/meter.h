// Meter: the metrics and the log line of each answer. Not thread-safe: each thread has its own, which avoids the
// registry's locks.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "http/server/connections.h"
#include "http/server/exchange.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace ledgerline::http {

// The method as a label: clients may invent others.
std::string_view method_label(std::string_view method);
// Whether monitors request it every few seconds.
bool is_probe(const Route& route);
// Whether the answer reports a fault on our side.
bool is_server_fault(const Response& response);

// The reason of a refusal without an answer.
inline constexpr std::string_view tls_handshake_failed = "tls_handshake_failed";

// Why the edge ends a connection that its client would have kept.
enum class Dropped { crowded, request_bytes, answer_bytes, slow_reader };
Dropped dropped_for(Eviction reason);

class Meter {
public:
    // Refusals with one code are logged at most once in this time; the others are counted.
    static constexpr milliseconds refusal_log_pause{1000};

    // The metrics must outlive it. log_payments: at the level of other requests.
    Meter(Metrics& metrics, bool log_payments) : metrics_(metrics), log_payments_(log_payments) {}

    // Counts and logs an answer that is about to be sent. The log line is an error for faults on our side, debug for
    // probes and for payments that succeed, otherwise info: at the default level each other request that reached its
    // handler can be found by its trace_id, and a payment by the lines of the batches that it was in.
    // The edge's refusals come in floods from unknown clients: for each code one is logged per second, and then how
    // many were not.
    void record(const Exchange& exchange, const Response& response, SteadyTime now);
    // Counts a refusal by the edge. reason: one of edge_code, or tls_handshake_failed.
    void record_refusal(std::string_view reason);
    void record_dropped(Dropped reason);

private:
    struct Refusals {
        SteadyTime next_log;  // no line before
        std::size_t unlogged = 0;
    };
    log::Level level_of(const Exchange& exchange, const Response& response) const;
    bool is_logged(const Exchange& exchange, const Response& response, SteadyTime now);
    void log_the_unlogged(SteadyTime now);

    using Call = std::pair<std::string_view, const Route*>;          // method label, route
    using Answer = std::tuple<std::string_view, const Route*, int>;  // method label, route, status
    prometheus::Counter& counter_of(const Answer& answer);
    prometheus::Histogram& histogram_of(const Call& call);

    Metrics& metrics_;
    const bool log_payments_;
    std::map<Answer, prometheus::Counter*> counters_;
    std::map<Call, prometheus::Histogram*> histograms_;
    std::map<std::string, Refusals> refusals_;  // by problem code, which is one of edge_code
};

}  // namespace ledgerline::http
