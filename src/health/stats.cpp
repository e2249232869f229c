#include "health/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "base/json.h"

namespace ledgerline::health {
namespace {

using prometheus::ClientMetric;
using Wanted = std::function<bool(const ClientMetric&)>;

constexpr std::string_view kProbes[] = {"health", "livez", "readyz", "metrics", "stats", "openapi", "list_lanes"};

std::string_view label_of(const ClientMetric& metric, std::string_view name) {
    const auto found = std::ranges::find(metric.label, name, &ClientMetric::Label::name);
    return found == metric.label.end() ? std::string_view() : std::string_view(found->value);
}

bool all(const ClientMetric&) { return true; }
bool is_request(const ClientMetric& metric) {
    return std::ranges::find(kProbes, label_of(metric, "route")) == std::end(kProbes);
}
bool is_server_error(const ClientMetric& metric) {
    return is_request(metric) && label_of(metric, "status").starts_with('5');
}
Wanted has(std::string_view name, std::string_view value) {
    return [=](const ClientMetric& metric) { return label_of(metric, name) == value; };
}

// All metrics of the process at one moment.
class Collected {
public:
    explicit Collected(const Metrics& metrics) {
        for (auto& family : metrics.collect()) families_[family.name] = std::move(family.metric);
    }

    // Over the samples of that counter or gauge.
    json::Value sum(const std::string& name, const Wanted& wanted = all) const {
        double total = 0;
        for (const ClientMetric& metric : metrics_of(name))
            if (wanted(metric)) total += metric.counter.value + metric.gauge.value;
        return static_cast<std::int64_t>(std::llround(total));
    }

    // The histograms of that name, merged.
    json::Value histogram(const std::string& name) const {
        std::map<double, std::int64_t> merged;
        for (const ClientMetric& metric : metrics_of(name)) {
            if (!is_request(metric)) continue;
            for (const auto& bucket : metric.histogram.bucket)
                merged[bucket.upper_bound] += static_cast<std::int64_t>(bucket.cumulative_count);
        }
        json::Array bounds, counts;
        for (const auto& [bound, count] : merged) {
            if (std::isfinite(bound)) bounds.emplace_back(json::Number{fmt::format("{:.9f}", bound)});
            counts.emplace_back(count);
        }
        return json::Object{{"bounds_seconds", std::move(bounds)}, {"counts", std::move(counts)}};
    }

private:
    const std::vector<ClientMetric>& metrics_of(const std::string& name) const {
        static const std::vector<ClientMetric> kNone;
        const auto found = families_.find(name);
        return found == families_.end() ? kNone : found->second;
    }
    std::map<std::string, std::vector<ClientMetric>> families_;
};

}  // namespace

std::string stats_text(const Metrics& metrics, std::string_view version) {
    const Collected now(metrics);
    return json::serialize(json::Object{
        {"version", version},
        {"counters", json::Object{{"requests", now.sum("http_requests_total", is_request)},
                                  {"server_errors", now.sum("http_requests_total", is_server_error)},
                                  {"rejected", now.sum("http_rejected_total")},
                                  {"accepted", now.sum("intake_rows_total", has("result", "created"))},
                                  {"published", now.sum("events_published_total")},
                                  {"publish_errors", now.sum("publish_errors_total")},
                                  {"applied", now.sum("events_consumed_total", has("status", "processed"))},
                                  {"failed", now.sum("events_consumed_total", has("status", "failed"))},
                                  {"retries", now.sum("worker_retries_total")},
                                  {"dead_letters", now.sum("dlq_messages_total")}}},
        {"dead_letters_parked", now.sum("dead_letters_parked")},
        {"latencies", json::Object{{"http", now.histogram("http_request_duration_seconds")},
                                   {"intake", now.histogram("intake_commit_seconds")},
                                   {"apply", now.histogram("worker_processing_duration_seconds")}}}});
}

}  // namespace ledgerline::health
