#include "cli/top_view.h"

#include <algorithm>

#include "cli/lane_text.h"
#include "cli/server.h"

namespace ledgerline::cli {
namespace {

TopRates rates_between(const Stats& before, const Stats& after, double seconds) {
    TopRates rates;
    if (seconds <= 0) return rates;
    for (const auto& [name, rate] : counter_names) {
        const double first = before.counters.*rate, last = after.counters.*rate;
        rates.*rate = (last < first ? last : last - first) / seconds;
    }
    return rates;
}

TopLatency latency_between(const Look& before, const Look& after, const std::string& name, Buckets Stats::* histogram) {
    Buckets grown;
    for (std::size_t i = 0; i < after.processes.size(); ++i) {
        const auto& first = before.processes[i].stats;
        const auto& last = after.processes[i].stats;
        if (first && last) grown.add(((*last).*histogram).since((*first).*histogram));
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
    if (const std::string wait = text_of_wait(lane); !wait.empty())
        note += (note.empty() ? "waits for " : "; waits for ") + wait;
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
        if (!process.stats) continue;
        shown.version = process.stats->version;
        // A process that the first look missed is compared with itself: its rates begin with the next look.
        shown.rates = rates_between(before.processes[i].stats.value_or(*process.stats), *process.stats, view.seconds);
        for (const auto& [name, rate] : counter_names) view.rates.*rate += shown.rates.*rate;
        // Every publisher counts the dead letters of the whole database.
        view.dead_letters_parked = std::max(view.dead_letters_parked, process.stats->dead_letters_parked);
    }
    view.latencies = {latency_between(before, after, "http", &Stats::http),
                      latency_between(before, after, "intake", &Stats::intake),
                      latency_between(before, after, "apply", &Stats::apply)};
    if (const json::Array* lanes = after.lanes.if_array())
        for (const json::Value& lane : *lanes) view.lanes.push_back(lane_of(lane));
    return view;
}

}  // namespace ledgerline::cli
