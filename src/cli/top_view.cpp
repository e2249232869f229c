#include "cli/top_view.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "cli/server.h"

namespace ledgerline::cli {
namespace {

constexpr std::string_view kProbes[] = {"health", "livez", "readyz", "metrics", "openapi", "list_lanes"};

bool is_request(const MetricSample& sample) {
    return std::ranges::find(kProbes, sample.label("route")) == std::end(kProbes);
}
bool is_server_error(const MetricSample& sample) {
    return is_request(sample) && sample.label("status").starts_with('5');
}

// The counters from which rates are computed.
TopRates counters_of(const Scrape& scrape) {
    return {.requests = scrape.sum_if("http_requests_total", is_request),
            .server_errors = scrape.sum_if("http_requests_total", is_server_error),
            .rejected = scrape.sum("http_rejected_total"),
            .accepted = scrape.sum("intake_rows_total", {{"result", "created"}}),
            .published = scrape.sum("events_published_total"),
            .publish_errors = scrape.sum("publish_errors_total"),
            .applied = scrape.sum("events_consumed_total", {{"status", "processed"}}),
            .failed = scrape.sum("events_consumed_total", {{"status", "failed"}}),
            .retries = scrape.sum("worker_retries_total"),
            .dead_letters = scrape.sum("dlq_messages_total")};
}

constexpr std::array kRates = {&TopRates::requests,    &TopRates::server_errors, &TopRates::rejected,
                               &TopRates::accepted,    &TopRates::published,     &TopRates::publish_errors,
                               &TopRates::applied,     &TopRates::failed,        &TopRates::retries,
                               &TopRates::dead_letters};

TopRates rates_between(const Scrape& before, const Scrape& after, double seconds) {
    const TopRates first = counters_of(before);
    const TopRates last = counters_of(after);
    TopRates rates;
    if (seconds <= 0) return rates;
    for (const auto rate : kRates)
        rates.*rate = (last.*rate < first.*rate ? last.*rate : last.*rate - first.*rate) / seconds;
    return rates;
}

TopLatency latency_between(const Look& before, const Look& after, const std::string& name, std::string_view metric) {
    Buckets grown;
    for (std::size_t i = 0; i < after.processes.size(); ++i) {
        const auto& first = before.processes[i].scrape;
        const auto& last = after.processes[i].scrape;
        if (first && last) grown.add(last->histogram(metric, is_request).since(first->histogram(metric, is_request)));
    }
    return {.name = name,
            .count = grown.count(),
            .p50 = grown.quantile(0.5),
            .p95 = grown.quantile(0.95),
            .p99 = grown.quantile(0.99)};
}

std::optional<std::int64_t> number(const json::Value& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value ? value->if_int64() : std::nullopt;
}

// "apply halted at 17: not_proven"
std::string halts_of(const json::Value& lane) {
    std::string text;
    const json::Value* halts = lane.find("halts");
    if (!halts || !halts->if_array()) return text;
    for (const json::Value& halt : *halts->if_array()) {
        if (!text.empty()) text += "; ";
        text += text_of(halt, "stage") + " halted at " + std::to_string(number(halt, "seq").value_or(0)) + ": " +
                text_of(halt, "code");
    }
    return text;
}

TopLane lane_of(const json::Value& lane) {
    const std::int64_t last = number(lane, "last_seq").value_or(0);
    const std::int64_t applied = number(lane, "applied_seq").value_or(0);
    const std::int64_t announced = std::max(number(lane, "published_seq").value_or(0), applied);
    std::string note = halts_of(lane);
    if (const std::string error = text_of(lane, "last_error"); !error.empty())
        note += (note.empty() ? "" : "; ") + error;
    if (const auto failing = number(lane, "failing_seq")) {
        if (!note.empty()) note += "; ";
        note += "seq " + std::to_string(*failing) + " has failed " +
                std::to_string(number(lane, "attempts").value_or(0)) + " times";
    }
    return {.lane = number(lane, "lane").value_or(0),
            .to_publish = last - announced,
            .to_apply = last - applied,
            .oldest_ms = number(lane, "oldest_waiting_age_ms"),
            .owner = text_of(lane, "owner"),
            .note = std::move(note)};
}

}  // namespace

std::int64_t TopView::to_publish() const {
    std::int64_t total = 0;
    for (const TopLane& lane : lanes) total += lane.to_publish;
    return total;
}

std::int64_t TopView::to_apply() const {
    std::int64_t total = 0;
    for (const TopLane& lane : lanes) total += lane.to_apply;
    return total;
}

std::optional<std::int64_t> TopView::oldest_ms() const {
    std::optional<std::int64_t> oldest;
    for (const TopLane& lane : lanes) oldest = std::max(oldest, lane.oldest_ms);
    return oldest;
}

TopView top_view(const Look& before, const Look& after) {
    LEDGERLINE_ASSERT(before.processes.size() == after.processes.size());
    TopView view;
    view.seconds = std::chrono::duration<double>(after.at - before.at).count();
    for (std::size_t i = 0; i < after.processes.size(); ++i) {
        const Look::Process& process = after.processes[i];
        TopProcess& shown = view.processes.emplace_back();
        shown.url = process.url;
        shown.error = process.error;
        if (!process.scrape) continue;
        shown.version = process.scrape->label("ledgerline_build_info", "version");
        // A process that the first look missed is compared with itself: its rates begin with the next look.
        shown.rates =
            rates_between(before.processes[i].scrape.value_or(*process.scrape), *process.scrape, view.seconds);
        for (const auto rate : kRates) view.rates.*rate += shown.rates.*rate;
        // Every publisher counts the dead letters of the whole database.
        view.dead_letters_parked =
            std::max(view.dead_letters_parked, static_cast<std::int64_t>(process.scrape->sum("dead_letters_parked")));
    }
    view.latencies = {latency_between(before, after, "http", "http_request_duration_seconds"),
                      latency_between(before, after, "intake", "intake_commit_seconds"),
                      latency_between(before, after, "apply", "worker_processing_duration_seconds")};
    if (const json::Array* lanes = after.lanes.if_array())
        for (const json::Value& lane : *lanes) view.lanes.push_back(lane_of(lane));
    return view;
}

}  // namespace ledgerline::cli
