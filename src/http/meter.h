// Meter: the metrics and the log line of each answer. Not thread-safe: each thread has its own, which spares the
// registry's locks.
#pragma once

#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "http/exchange.h"
#include "observe/metrics.h"

namespace ledgerline::http {

// The method as a label: clients may invent others.
std::string_view method_label(std::string_view method);
// Whether machines ask for it every few seconds.
bool is_probe(const Route& route);
// Whether the answer says that something went wrong here.
bool is_server_fault(const Response& response);

class Meter {
public:
    // The metrics must outlive it.
    explicit Meter(Metrics& metrics) : metrics_(metrics) {}

    // Counts and logs an answer that is about to be sent. The log line is an error for what went wrong here, debug for
    // probes, otherwise info: at the default level each request of a client can be found by its trace_id.
    void record(const Exchange& exchange, const Response& response, SteadyTime now);
    // Counts what was refused at the edge. reason: one of edge_code.
    void record_refusal(std::string_view reason);

private:
    using Call = std::pair<std::string_view, const Route*>;          // method label, route
    using Answer = std::tuple<std::string_view, const Route*, int>;  // method label, route, status
    prometheus::Counter& counter_of(const Answer& answer);
    prometheus::Histogram& histogram_of(const Call& call);

    Metrics& metrics_;
    std::map<Answer, prometheus::Counter*> counters_;
    std::map<Call, prometheus::Histogram*> histograms_;
};

}  // namespace ledgerline::http
