#include "cli/stats.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "cli/server.h"

namespace ledgerline::cli {
namespace {

// A finite number of at least 0.
std::optional<double> number_in(const json::Value* value) {
    const json::Number* number = value ? value->if_number() : nullptr;
    if (!number) return std::nullopt;
    double parsed = 0;
    const auto [stop, error] = std::from_chars(number->text.data(), number->text.data() + number->text.size(), parsed);
    if (error != std::errc() || parsed < 0) return std::nullopt;
    return parsed;
}

std::optional<Buckets> buckets_in(const json::Value* value) {
    const json::Value* bounds = value ? value->find("bounds_seconds") : nullptr;
    const json::Value* counts = value ? value->find("counts") : nullptr;
    if (!bounds || !bounds->if_array() || !counts || !counts->if_array()) return std::nullopt;
    const json::Array &upper = *bounds->if_array(), &cumulative = *counts->if_array();
    if (!(upper.empty() && cumulative.empty()) && cumulative.size() != upper.size() + 1) return std::nullopt;
    Buckets all;
    for (std::size_t i = 0; i < cumulative.size(); ++i) {
        const auto bound = i < upper.size() ? number_in(&upper[i]) : std::numeric_limits<double>::infinity();
        const auto count = number_in(&cumulative[i]);
        const bool ascends = i == 0 || (bound > all.buckets.back().upper_bound && count >= all.buckets.back().count);
        if (!bound || !count || !ascends) return std::nullopt;
        all.buckets.push_back({*bound, *count});
    }
    return all;
}

}  // namespace

void Buckets::add(const Buckets& other) {
    if (buckets.empty()) {
        buckets = other.buckets;
        return;
    }
    for (std::size_t i = 0; i < buckets.size() && i < other.buckets.size(); ++i)
        buckets[i].count += other.buckets[i].count;
}

Buckets Buckets::since(const Buckets& earlier) const {
    if (earlier.buckets.size() != buckets.size() || earlier.count() > count()) return *this;
    Buckets grown = *this;
    for (std::size_t i = 0; i < buckets.size(); ++i) grown.buckets[i].count -= earlier.buckets[i].count;
    return grown;
}

std::optional<double> Buckets::quantile(double q) const {
    if (count() <= 0) return std::nullopt;
    const double rank = q * count();
    const auto found = std::ranges::find_if(
        buckets, [rank](const Bucket& bucket) { return bucket.count >= rank && bucket.count > 0; });
    if (found + 1 == buckets.end()) return buckets.size() > 1 ? std::optional((found - 1)->upper_bound) : std::nullopt;
    const double lower_bound = found == buckets.begin() ? 0 : (found - 1)->upper_bound;
    const double below = found == buckets.begin() ? 0 : (found - 1)->count;
    return lower_bound + (found->upper_bound - lower_bound) * (rank - below) / (found->count - below);
}

std::optional<Stats> Stats::parse(const json::Value& body) {
    Stats stats;
    stats.version = text_of(body, "version");
    const json::Value* counters = body.find("counters");
    for (const auto& [name, counter] : counter_names) {
        const auto count = number_in(counters ? counters->find(name) : nullptr);
        if (!count) return std::nullopt;
        stats.counters.*counter = *count;
    }
    const json::Value* parked = body.find("dead_letters_parked");
    const json::Value* latencies = body.find("latencies");
    const auto http = buckets_in(latencies ? latencies->find("http") : nullptr);
    const auto intake = buckets_in(latencies ? latencies->find("intake") : nullptr);
    const auto apply = buckets_in(latencies ? latencies->find("apply") : nullptr);
    if (!parked || !parked->if_int64() || !http || !intake || !apply) return std::nullopt;
    stats.dead_letters_parked = *parked->if_int64();
    stats.http = *http;
    stats.intake = *intake;
    stats.apply = *apply;
    return stats;
}

}  // namespace ledgerline::cli
