// How a TopView is printed, for people and for programs.
#include <fmt/format.h>

#include <sstream>

#include "base/amount_text.h"
#include "cli/terminal.h"
#include "cli/top_view.h"

namespace ledgerline::cli {
namespace {

json::Value number_of(double value) { return json::Number{fmt::format("{:.6f}", value)}; }
json::Value number_of(const std::optional<double>& value) { return value ? number_of(*value) : json::Value(); }
json::Value number_of(const std::optional<std::int64_t>& value) { return value ? json::Value(*value) : json::Value(); }

json::Value to_json(const TopRates& rates) {
    json::Object object;
    for (const auto& [name, rate] : counter_names) object.emplace_back(name, number_of(rates.*rate));
    return object;
}

json::Value to_json(const TopLatency& latency) {
    return json::Object{{"name", latency.name},
                        {"count", static_cast<std::int64_t>(latency.count)},
                        {"p50_seconds", number_of(latency.p50)},
                        {"p95_seconds", number_of(latency.p95)},
                        {"p99_seconds", number_of(latency.p99)}};
}

json::Value to_json(const TopLane& lane) {
    return json::Object{{"lane", lane.lane},
                        {"to_publish", lane.to_publish},
                        {"to_apply", lane.to_apply},
                        {"oldest_waiting_age_ms", number_of(lane.oldest_ms)},
                        {"owner", lane.owner.empty() ? json::Value() : json::Value(lane.owner)},
                        {"note", lane.note}};
}

json::Value to_json(const TopProcess& process) {
    return json::Object{{"url", process.url},
                        {"up", process.error.empty()},
                        {"version", process.version},
                        {"error", process.error},
                        {"per_second", to_json(process.rates)}};
}

template <class Item>
json::Array to_array(const std::vector<Item>& items) {
    json::Array array;
    for (const Item& item : items) array.push_back(to_json(item));
    return array;
}

std::string milliseconds_of(const std::optional<double>& seconds) {
    return seconds ? fmt::format("{:.1f} ms", *seconds * 1000) : "-";
}

std::string age_of(const std::optional<std::int64_t>& ms) {
    if (!ms) return "-";
    return *ms < 1000 ? fmt::format("{} ms", *ms) : fmt::format("{:.1f} s", static_cast<double>(*ms) / 1000);
}

std::string rate_of(double rate) { return fmt::format("{:.1f}", rate); }

void add_table(std::vector<std::string>& lines, Table& table) {
    std::ostringstream text;
    table.print(text);
    std::istringstream in(text.str());
    lines.emplace_back();
    for (std::string line; std::getline(in, line);) lines.push_back(line);
}

void add_summary(std::vector<std::string>& lines, const TopView& view) {
    const TopRates& rates = view.rates;
    lines.push_back(fmt::format("requests      {:.1f}/s, {:.1f}/s answered 5xx, {:.1f}/s rejected at the edge",
                                rates.requests, rates.server_errors, rates.rejected));
    lines.push_back(
        fmt::format("transactions  {:.1f}/s accepted, {:.1f}/s published, {:.1f}/s applied, {:.1f}/s failed",
                    rates.accepted, rates.published, rates.applied, rates.failed));
    lines.push_back(
        fmt::format("trouble       {:.1f}/s retries, {:.1f}/s failed deliveries, {:.1f}/s new dead letters, {} "
                    "parked",
                    rates.retries, rates.publish_errors, rates.dead_letters, grouped(view.dead_letters_parked)));
    if (view.lanes.empty())
        lines.push_back("waiting       unknown: no server reports its lanes");
    else
        lines.push_back(fmt::format("waiting       {} to publish, {} to apply, the oldest for {}",
                                    grouped(view.to_publish()), grouped(view.to_apply()), age_of(view.oldest_ms())));
}

void add_latencies(std::vector<std::string>& lines, const TopView& view) {
    Table table(
        {{"latency"}, {"p50", Align::right}, {"p95", Align::right}, {"p99", Align::right}, {"count", Align::right}});
    for (const TopLatency& each : view.latencies)
        table.add({each.name, milliseconds_of(each.p50), milliseconds_of(each.p95), milliseconds_of(each.p99),
                   grouped(static_cast<std::int64_t>(each.count))});
    add_table(lines, table);
}

void add_lanes(std::vector<std::string>& lines, const TopView& view) {
    if (view.lanes.empty()) return;
    Table table({{"lane", Align::right},
                 {"to publish", Align::right},
                 {"to apply", Align::right},
                 {"oldest", Align::right},
                 {"publisher"},
                 {"trouble"}});
    for (const TopLane& each : view.lanes)
        table.add({std::to_string(each.lane), grouped(each.to_publish), grouped(each.to_apply), age_of(each.oldest_ms),
                   each.owner.empty() ? "nobody" : each.owner, each.note});
    add_table(lines, table);
}

void add_processes(std::vector<std::string>& lines, const TopView& view) {
    Table table({{"server"},
                 {"accepted/s", Align::right},
                 {"published/s", Align::right},
                 {"applied/s", Align::right},
                 {"state"}});
    for (const TopProcess& each : view.processes)
        table.add({each.url, rate_of(each.rates.accepted), rate_of(each.rates.published), rate_of(each.rates.applied),
                   each.error.empty() ? "up, version " + each.version : "does not answer: " + each.error});
    add_table(lines, table);
}

}  // namespace

json::Value to_json(const TopView& view) {
    return json::Object{{"seconds", number_of(view.seconds)},
                        {"per_second", to_json(view.rates)},
                        {"dead_letters_parked", view.dead_letters_parked},
                        {"to_publish", view.to_publish()},
                        {"to_apply", view.to_apply()},
                        {"oldest_waiting_age_ms", number_of(view.oldest_ms())},
                        {"latencies", to_array(view.latencies)},
                        {"lanes", to_array(view.lanes)},
                        {"servers", to_array(view.processes)}};
}

std::vector<std::string> to_lines(const TopView& view) {
    std::vector<std::string> lines;
    add_summary(lines, view);
    add_latencies(lines, view);
    add_lanes(lines, view);
    add_processes(lines, view);
    return lines;
}

}  // namespace ledgerline::cli
