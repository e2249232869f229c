// OtlpExporter: sends ended spans to a collector, in batches, on its own thread.
//
// Nothing that happens to it affects payments: take() never waits, spans that do not fit into the queue are dropped and
// counted, and a collector that is slow, unreachable or refuses costs only spans.
//
// A request with no answer, or an answer of 429, 502, 503 or 504, is retried with growing delays, or after the time in
// Retry-After; any other refusal drops the batch, as OTLP demands.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/random.h"
#include "observe/metrics.h"
#include "observe/otlp_sender.h"
#include "observe/span.h"
#include "observe/tracer.h"

namespace ledgerline {

struct ExporterConfig {
    SpanAttributes resource{};
    std::string version{};
    // One round of the publisher alone may end 2000 spans at once.
    std::size_t queue_spans_max = 32'768;
    std::size_t batch_spans_max = 1'024;
    milliseconds delay{1'000};       // how long a span waits for others at most
    milliseconds timeout{10'000};    // for one request
    milliseconds retry_for{60'000};  // then the batch is dropped
    Backoff::Limits backoff{milliseconds(500), milliseconds(10'000)};
};

class OtlpExporter final : public SpanSink {
public:
    // All of them must outlive it.
    OtlpExporter(ExporterConfig config, OtlpSender& sender, const Clock& clock, Random& random, Metrics& metrics);
    ~OtlpExporter() override { stop(milliseconds(0)); }

    void start();
    // Sends what is queued, for at most at_most, and drops the rest. Repeatable.
    void stop(milliseconds at_most);

    void take(std::unique_ptr<SpanData> span) override;

private:
    using Batch = std::vector<std::unique_ptr<SpanData>>;

    void run();
    Batch next_batch();
    void send(const Batch& batch);
    // Returns how long to wait before the next try; nothing when the batch is finished, sent or dropped.
    std::optional<milliseconds> try_once(const std::string& body, std::size_t spans);
    milliseconds time_left(SteadyTime end) const;
    bool sleep(milliseconds at_most);
    void drop(std::size_t spans, std::string_view reason);
    void note_failure(const std::string& reason);

    const ExporterConfig config_;
    OtlpSender& sender_;
    const Clock& clock_;
    Metrics& metrics_;
    prometheus::Counter& dropped_queue_full_;
    Backoff backoff_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    // Not a BoundedQueue, whose sender waits while it is full: a span that does not fit is dropped, the newest first,
    // and the thread takes what has gathered in delay as one batch.
    std::deque<std::unique_ptr<SpanData>> queue_;
    std::optional<SteadyTime> stop_by_;  // set by stop()
    bool failing_ = false;               // used only by the thread
    std::thread thread_;
};

}  // namespace ledgerline
