// A collector of traces for tests: takes OTLP/HTTP in JSON on a free port and keeps the spans.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "http/server/listener.h"

namespace ledgerline::test {

struct ReceivedSpan {
    std::string service;  // service.name of its resource
    std::string trace_id, span_id;
    std::string parent_id;  // "" for a root
    std::string name;
    std::int64_t kind = 0;                          // OTLP's number
    std::int64_t status = 0;                        // 2: error
    std::map<std::string, std::string> attributes;  // numbers as text
    std::vector<std::string> links;                 // trace id, "-" and span id
    std::vector<std::string> events;                // names

    // "missing" when it has none of that name.
    std::string attribute(const std::string& key) const;
    std::string link_to_it() const { return trace_id + "-" + span_id; }
};
using ReceivedSpans = std::vector<ReceivedSpan>;

// The first of that name; fails the test, and gives an empty one, when there is none.
const ReceivedSpan& span_named(const ReceivedSpans& spans, const std::string& name);

// Thread-safe.
class OtlpReceiver {
public:
    OtlpReceiver();
    ~OtlpReceiver();

    // For OTEL_EXPORTER_OTLP_ENDPOINT.
    std::string endpoint() const;
    // The spans of one trace, once they satisfy enough; what there is when it does not happen in time.
    ReceivedSpans wait_trace(const std::string& trace_id,
                             const std::function<bool(const ReceivedSpans&)>& enough) const;
    // The same once there are spans of all these names.
    ReceivedSpans wait_trace(const std::string& trace_id, const std::vector<std::string>& names) const;
    ReceivedSpans trace(const std::string& trace_id) const;

private:
    http::Response take(const http::Request& request);

    SystemClock clock_;
    SystemRandom random_;
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"test"};
    http::Router router_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    ReceivedSpans spans_;
    std::unique_ptr<http::Listener> listener_;
};

}  // namespace ledgerline::test
