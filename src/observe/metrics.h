// Metrics: every name, type and label set of the process, in one place. tests/golden/metrics.txt pins them.
//
// Labels are bounded: routes are route names, never paths; there are no ids. Safe to use from any thread.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerline {

class Metrics {
    prometheus::Registry registry_;
    std::filesystem::path data_dir_;

public:
    explicit Metrics(std::string_view version);
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    // The whole registry in Prometheus' text format (version 0.0.4).
    std::string to_text() const;

    // What is measured, apart from the process itself and its file system.
    std::vector<prometheus::MetricFamily> collect() const { return registry_.Collect(); }

    // Makes to_text() measure the file system of this directory. Call before the first to_text().
    void watch_data_dir(std::filesystem::path data_dir) { data_dir_ = std::move(data_dir); }

    // HTTP edge
    prometheus::Family<prometheus::Counter>& http_requests_total;              // method, route, status
    prometheus::Family<prometheus::Histogram>& http_request_duration_seconds;  // method, route
    prometheus::Gauge& http_connections;
    prometheus::Gauge& http_certificate_expiry_timestamp_seconds;             // 0 without TLS
    prometheus::Family<prometheus::Counter>& http_rejected_total;             // reason
    prometheus::Family<prometheus::Counter>& http_connections_dropped_total;  // reason: http_drop_reasons
    prometheus::Gauge& http_request_bytes;
    prometheus::Gauge& http_answer_bytes;

    // Why a connection was closed: to make room at a crowded address or for the bytes of requests or answers, or
    // because the client does not read.
    static constexpr std::string_view http_drop_reasons[] = {"crowded", "request_bytes", "answer_bytes", "slow_reader"};
    prometheus::Counter& http_connections_dropped(std::string_view reason);

    // Intake
    prometheus::Histogram& intake_batch_size;
    prometheus::Histogram& intake_wait_seconds;
    prometheus::Histogram& intake_commit_seconds;
    prometheus::Gauge& intake_queue_rows;
    prometheus::Gauge& intake_queue_bytes;
    prometheus::Counter& intake_paced_seconds_total;
    prometheus::Family<prometheus::Counter>& intake_rows_total;  // result: created, replayed, refused, failed

    // Database
    prometheus::Family<prometheus::Histogram>& database_pool_wait_seconds;  // pool
    prometheus::Family<prometheus::Counter>& database_reconnects_total;     // pool
    prometheus::Family<prometheus::Gauge>& database_up;                     // pool
    prometheus::Family<prometheus::Histogram>& database_statement_seconds;  // query: the statement's name
    prometheus::Histogram& statement_seconds(std::string_view query);
    prometheus::Gauge& data_dir_free_bytes;  // 0, and so is the size, in a process without a private cluster
    prometheus::Gauge& data_dir_size_bytes;

    // Outbox and publisher
    prometheus::Gauge& outbox_backlog_events;
    prometheus::Gauge& outbox_oldest_event_age_seconds;
    prometheus::Counter& events_published_total;
    prometheus::Counter& publish_errors_total;
    prometheus::Histogram& publish_batch_size;
    prometheus::Histogram& publish_duration_seconds;
    prometheus::Gauge& publisher_lanes_owned;
    prometheus::Gauge& publisher_lanes_with_hole;
    prometheus::Gauge& publisher_lanes_halted;

    // Worker
    prometheus::Family<prometheus::Counter>& events_consumed_total;  // type, status
    prometheus::Histogram& worker_processing_duration_seconds;
    prometheus::Histogram& worker_batch_size;
    prometheus::Family<prometheus::Counter>& worker_retries_total;  // type
    prometheus::Counter& worker_rewinds_total;
    prometheus::Family<prometheus::Counter>& dlq_messages_total;  // class: dead_letter_classes
    prometheus::Gauge& dead_letters_parked;

    // Feed of dead letters
    prometheus::Counter& dlq_announced_total;
    prometheus::Gauge& dead_letters_unannounced;

    // Feed of outcomes
    prometheus::Gauge& feed_followers;  // clients that wait for the next outcomes, or are about to
    prometheus::Family<prometheus::Counter>& feed_outcomes_told_total;  // way: feed_ways
    prometheus::Counter& feed_outcomes_told(std::string_view way);
    static constexpr std::string_view feed_ways[] = {"poll", "stream"};
    prometheus::Counter& outcomes_published_total;
    prometheus::Gauge& outcomes_lag_events;
    prometheus::Gauge& outcomes_lag_seconds;

    // Webhooks
    prometheus::Family<prometheus::Counter>& webhook_attempts_total;  // result: webhook_results
    prometheus::Counter& webhook_attempts(std::string_view result);
    prometheus::Histogram& webhook_attempt_seconds;
    prometheus::Gauge& webhook_lag_seconds;
    prometheus::Gauge& webhook_deliveries_pending;
    prometheus::Gauge& webhooks_failing;

    // An event was taken, was not taken, or got no answer.
    static constexpr std::string_view webhook_results[] = {"delivered", "refused", "unreachable"};

    // Lanes
    prometheus::Family<prometheus::Gauge>& lane_lag_events;  // lane
    prometheus::Family<prometheus::Gauge>& lane_halted;      // lane
    prometheus::Histogram& end_to_end_seconds;

    // Business. currency: of ISO 4217. type: DEBIT, CREDIT. outcome: processed, failed
    prometheus::Family<prometheus::Counter>& transactions_total;
    prometheus::Family<prometheus::Counter>& transactions_amount_cents_total;

    // Kafka; a process without it has no samples of those with labels, nor of kafka_reachable.
    // client: publisher, dead-letters, worker or topics
    prometheus::Family<prometheus::Gauge>& kafka_reachable;               // no labels
    prometheus::Family<prometheus::Gauge>& kafka_partitions_unavailable;  // topic
    prometheus::Counter& kafka_clients_abandoned_total;
    prometheus::Counter& kafka_producer_resets_total;
    prometheus::Counter& kafka_consumer_resets_total;
    prometheus::Counter& kafka_rebalances_total;
    prometheus::Family<prometheus::Gauge>& kafka_request_latency_seconds;  // client
    prometheus::Family<prometheus::Gauge>& kafka_requests_waiting;         // client
    prometheus::Family<prometheus::Gauge>& kafka_messages_queued;          // client
    prometheus::Family<prometheus::Gauge>& kafka_throttled_seconds;        // client
    prometheus::Family<prometheus::Gauge>& kafka_consumer_lag_messages;    // partition

    // Loops
    prometheus::Family<prometheus::Counter>& loop_exceptions_total;  // loop: loops
    prometheus::Counter& loop_exceptions(std::string_view loop);

    // Traces
    prometheus::Counter& trace_spans_exported_total;
    prometheus::Family<prometheus::Counter>& trace_spans_dropped_total;  // reason: trace_drop_reasons
    prometheus::Counter& trace_export_failures_total;
    prometheus::Gauge& trace_queue_spans;

    // Why spans never arrived: the queue was full, the collector refused them, it was unreachable for too long, or the
    // process ended.
    static constexpr std::string_view trace_drop_reasons[] = {"queue_full", "refused", "unreachable", "shutdown"};

    // The threads that survive whatever one of their rounds throws.
    static constexpr std::string_view loops[] = {
        "intake", "database",     "outcome-watcher", "feed-tail",    "webhooks",     "outcomes", "publisher",
        "worker", "dead-letters", "kafka-topics",    "kafka-client", "trace-export", "http"};

    static constexpr std::string_view dead_letter_classes[] = {"permanent", "unknown", "foreign"};

    // events_consumed_total's status values.
    static constexpr std::string_view consumed_statuses[] = {"processed", "failed",  "duplicate",
                                                             "gap",       "foreign", "parked"};
    prometheus::Counter& events_consumed(std::string_view status);
};

}  // namespace ledgerline
