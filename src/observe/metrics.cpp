#include "observe/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>

#include "base/result.h"
#include "observe/process_metrics.h"

namespace ledgerline {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets kSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
// Up to the length of an outage that takes a person to end.
const Buckets kEndToEndSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800};
// Few, because each named statement has all of them.
const Buckets kStatementSeconds{0.0005, 0.0025, 0.01, 0.05, 0.25, 1, 5};
const Buckets kRows{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000};

auto& counters(prometheus::Registry& registry, const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry);
}
auto& gauges(prometheus::Registry& registry, const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry);
}
auto& histograms(prometheus::Registry& registry, const char* name, const char* help) {
    return BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

Metrics::Metrics(std::string_view version)
    : http_requests_total(counters(registry_, "http_requests_total", "Requests answered")),
      http_request_duration_seconds(
          histograms(registry_, "http_request_duration_seconds", "Time from a request's last byte to its answer")),
      http_connections(gauges(registry_, "http_connections", "Open client connections").Add({})),
      http_certificate_expiry_timestamp_seconds(
          gauges(registry_, "http_certificate_expiry_timestamp_seconds",
                 "Unix time at which the certificate that is served expires, 0 without TLS")
              .Add({})),
      http_rejected_total(counters(registry_, "http_rejected_total", "Requests and connections refused at the edge")),
      http_connections_dropped_total(counters(registry_, "http_connections_dropped_total",
                                              "Connections closed to make room, or because the client did not read")),
      http_request_bytes(gauges(registry_, "http_request_bytes", "Memory of requests being read or handled").Add({})),
      http_answer_bytes(gauges(registry_, "http_answer_bytes", "Memory of answers being built or written").Add({})),
      intake_batch_size(histograms(registry_, "intake_batch_size", "Rows in one intake transaction").Add({}, kRows)),
      intake_wait_seconds(
          histograms(registry_, "intake_wait_seconds", "Wait of a batch's oldest row for its intake transaction")
              .Add({}, kSeconds)),
      intake_commit_seconds(
          histograms(registry_, "intake_commit_seconds", "Duration of one intake transaction").Add({}, kSeconds)),
      intake_queue_rows(gauges(registry_, "intake_queue_rows", "Rows waiting for an intake transaction").Add({})),
      intake_queue_bytes(
          gauges(registry_, "intake_queue_bytes", "Memory of rows waiting for an intake transaction").Add({})),
      intake_paced_seconds_total(
          counters(registry_, "intake_paced_seconds_total", "Time that intake waited for the worker to catch up")
              .Add({})),
      intake_rows_total(counters(registry_, "intake_rows_total", "Rows answered by intake, by result")),
      database_pool_wait_seconds(
          histograms(registry_, "database_pool_wait_seconds", "Wait for a database connection of the pool")),
      database_reconnects_total(counters(registry_, "database_reconnects_total", "Database connections reestablished")),
      database_up(gauges(registry_, "database_up", "0 while the last attempt to connect failed, else 1")),
      database_statement_seconds(
          histograms(registry_, "database_statement_seconds", "Duration of one statement, by its name")),
      data_dir_free_bytes(
          gauges(registry_, "data_dir_free_bytes", "Free space in the file system of the private cluster").Add({})),
      data_dir_size_bytes(
          gauges(registry_, "data_dir_size_bytes", "Size of the file system of the private cluster").Add({})),
      outbox_backlog_events(gauges(registry_, "outbox_backlog_events", "Accepted events not yet published").Add({})),
      outbox_oldest_event_age_seconds(
          gauges(registry_, "outbox_oldest_event_age_seconds", "Age of the oldest event not yet applied").Add({})),
      events_published_total(counters(registry_, "events_published_total", "Events acknowledged by the bus").Add({})),
      publish_errors_total(
          counters(registry_, "publish_errors_total", "Deliveries that the bus did not acknowledge").Add({})),
      publish_batch_size(histograms(registry_, "publish_batch_size", "Events in one publish round").Add({}, kRows)),
      publish_duration_seconds(histograms(registry_, "publish_duration_seconds",
                                          "Time from handing a round to the bus to its acknowledgement")
                                   .Add({}, kSeconds)),
      publisher_lanes_owned(gauges(registry_, "publisher_lanes_owned", "Lanes whose lease this process holds").Add({})),
      publisher_lanes_with_hole(
          gauges(registry_, "publisher_lanes_with_hole", "Lanes stopped because their next event is missing").Add({})),
      publisher_lanes_halted(
          gauges(registry_, "publisher_lanes_halted", "Lanes stopped because the bus refuses their next event")
              .Add({})),
      events_consumed_total(counters(registry_, "events_consumed_total", "Messages taken from the bus, by outcome")),
      worker_processing_duration_seconds(
          histograms(registry_, "worker_processing_duration_seconds", "Duration of one apply transaction")
              .Add({}, kSeconds)),
      worker_batch_size(histograms(registry_, "worker_batch_size", "Events in one apply transaction").Add({}, kRows)),
      worker_retries_total(
          counters(registry_, "worker_retries_total", "Apply transactions retried, by class of failure")),
      worker_rewinds_total(
          counters(registry_, "worker_rewinds_total", "Rewinds requested because the bus lost events").Add({})),
      dlq_messages_total(counters(registry_, "dlq_messages_total", "Dead letters written, by class of failure")),
      dead_letters_parked(
          gauges(registry_, "dead_letters_parked", "Dead letters waiting for a decision, 10000 at most").Add({})),
      dlq_announced_total(
          counters(registry_, "dlq_announced_total", "Dead letters acknowledged on their topic").Add({})),
      dead_letters_unannounced(
          gauges(registry_, "dead_letters_unannounced", "Dead letters not yet on their topic, 10000 at most").Add({})),
      feed_followers(
          gauges(registry_, "feed_followers", "Clients that wait for the next outcomes, or are about to").Add({})),
      feed_outcomes_told_total(
          counters(registry_, "feed_outcomes_told_total", "Outcomes that clients were told of, by way")),
      outcomes_published_total(
          counters(registry_, "outcomes_published_total", "Outcomes acknowledged on their topic").Add({})),
      outcomes_lag_events(gauges(registry_, "outcomes_lag_events", "Outcomes not yet on their topic").Add({})),
      outcomes_lag_seconds(
          gauges(registry_, "outcomes_lag_seconds", "Age of the oldest outcome not yet on its topic").Add({})),
      webhook_attempts_total(
          counters(registry_, "webhook_attempts_total", "Attempts to deliver an event to a webhook, by result")),
      webhook_attempt_seconds(
          histograms(registry_, "webhook_attempt_seconds", "Time an attempt to deliver an event took")
              .Add({}, kSeconds)),
      webhook_lag_seconds(
          gauges(registry_, "webhook_lag_seconds", "Age of the oldest event that a webhook here was not yet sent")
              .Add({})),
      webhook_deliveries_pending(
          gauges(registry_, "webhook_deliveries_pending", "Deliveries that wait to be tried again").Add({})),
      webhooks_failing(
          gauges(registry_, "webhooks_failing", "Webhooks that were disabled because they failed").Add({})),
      lane_lag_events(gauges(registry_, "lane_lag_events", "Accepted events not yet applied, by lane")),
      lane_halted(gauges(registry_, "lane_halted", "1 while the worker cannot get past an event of the lane")),
      end_to_end_seconds(
          histograms(registry_, "end_to_end_seconds", "Time from a transaction's acceptance to its outcome")
              .Add({}, kEndToEndSeconds)),
      transactions_total(
          counters(registry_, "transactions_total", "Transactions settled, by currency, type and outcome")),
      transactions_amount_cents_total(counters(registry_, "transactions_amount_cents_total",
                                               "Amounts of settled transactions in minor units of their currency")),
      kafka_reachable(gauges(registry_, "kafka_reachable", "1 while the Kafka broker answers")),
      kafka_partitions_unavailable(
          gauges(registry_, "kafka_partitions_unavailable",
                 "Partitions without a leader or below their minimum number of replicas, by topic")),
      kafka_clients_abandoned_total(
          counters(registry_, "kafka_clients_abandoned_total", "Kafka clients left behind: they could not be destroyed")
              .Add({})),
      kafka_producer_resets_total(
          counters(registry_, "kafka_producer_resets_total", "Kafka producers recreated after a failed delivery")
              .Add({})),
      kafka_consumer_resets_total(
          counters(registry_, "kafka_consumer_resets_total", "Kafka consumers recreated because they stopped receiving")
              .Add({})),
      kafka_rebalances_total(
          counters(registry_, "kafka_rebalances_total", "Assignments and revocations of partitions by the group")
              .Add({})),
      kafka_request_latency_seconds(gauges(registry_, "kafka_request_latency_seconds",
                                           "99th percentile of request time at the slowest broker, by client")),
      kafka_requests_waiting(
          gauges(registry_, "kafka_requests_waiting", "Requests not yet sent or not yet answered, by client")),
      kafka_messages_queued(
          gauges(registry_, "kafka_messages_queued", "Messages in the producer not yet acknowledged, by client")),
      kafka_throttled_seconds(gauges(registry_, "kafka_throttled_seconds",
                                     "How long brokers' quotas make the client wait from now on, by client")),
      kafka_consumer_lag_messages(gauges(registry_, "kafka_consumer_lag_messages",
                                         "Messages of an assigned partition not yet taken, by partition")),
      loop_exceptions_total(
          counters(registry_, "loop_exceptions_total", "Rounds of a loop that ended in an exception, by loop")),
      trace_spans_exported_total(
          counters(registry_, "trace_spans_exported_total", "Spans that the collector accepted").Add({})),
      trace_spans_dropped_total(
          counters(registry_, "trace_spans_dropped_total", "Spans that never reached the collector, by reason")),
      trace_export_failures_total(
          counters(registry_, "trace_export_failures_total", "Requests to the collector that failed").Add({})),
      trace_queue_spans(gauges(registry_, "trace_queue_spans", "Spans waiting to be exported").Add({})) {
    BuildGauge()
        .Name("ledgerline_build_info")
        .Help("Version of the binary")
        .Register(registry_)
        .Add({{"version", std::string(version)}})
        .Set(1);
    for (const auto reason : http_drop_reasons) http_connections_dropped(reason);
    for (const auto status : consumed_statuses) events_consumed(status);
    for (const auto each : dead_letter_classes) dlq_messages_total.Add({{"class", std::string(each)}});
    for (const char* type : {"transient", "unknown"}) worker_retries_total.Add({{"type", type}});
    for (const auto way : feed_ways) feed_outcomes_told(way);
    for (const auto result : webhook_results) webhook_attempts(result);
    for (const auto loop : loops) loop_exceptions(loop);
    for (const auto reason : trace_drop_reasons) trace_spans_dropped_total.Add({{"reason", std::string(reason)}});
    for (const char* result : {"created", "replayed", "refused", "failed"}) intake_rows_total.Add({{"result", result}});
}

std::string Metrics::to_text() const {
    std::error_code unreadable;
    const auto space = std::filesystem::space(data_dir_, unreadable);
    if (!unreadable) {
        data_dir_free_bytes.Set(static_cast<double>(space.available));
        data_dir_size_bytes.Set(static_cast<double>(space.capacity));
    }
    auto families = registry_.Collect();
    std::ranges::move(process_metrics(), std::back_inserter(families));
    return prometheus::TextSerializer().Serialize(families);
}

prometheus::Histogram& Metrics::statement_seconds(std::string_view query) {
    return database_statement_seconds.Add({{"query", std::string(query)}}, kStatementSeconds);
}

prometheus::Counter& Metrics::http_connections_dropped(std::string_view reason) {
    return http_connections_dropped_total.Add({{"reason", std::string(reason)}});
}

prometheus::Counter& Metrics::feed_outcomes_told(std::string_view way) {
    return feed_outcomes_told_total.Add({{"way", std::string(way)}});
}

prometheus::Counter& Metrics::webhook_attempts(std::string_view result) {
    return webhook_attempts_total.Add({{"result", std::string(result)}});
}

prometheus::Counter& Metrics::loop_exceptions(std::string_view loop) {
    return loop_exceptions_total.Add({{"loop", std::string(loop)}});
}

prometheus::Counter& Metrics::events_consumed(std::string_view status) {
    return events_consumed_total.Add({{"type", "transaction.created"}, {"status", std::string(status)}});
}

}  // namespace ledgerline
