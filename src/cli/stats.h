// Stats: what GET /stats says of one process at one moment.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace ledgerline::cli {

// Without answers to probes (health, metrics).
struct Counters {
    double requests = 0;
    double server_errors = 0;  // answers with 5xx
    double rejected = 0;       // at the edge, before a route was known
    double accepted = 0;
    double published = 0;
    double publish_errors = 0;
    double applied = 0;
    double failed = 0;
    double retries = 0;
    double dead_letters = 0;
};

inline constexpr std::array<std::pair<const char*, double Counters::*>, 10> counter_names = {
    {{"requests", &Counters::requests},
     {"server_errors", &Counters::server_errors},
     {"rejected", &Counters::rejected},
     {"accepted", &Counters::accepted},
     {"published", &Counters::published},
     {"publish_errors", &Counters::publish_errors},
     {"applied", &Counters::applied},
     {"failed", &Counters::failed},
     {"retries", &Counters::retries},
     {"dead_letters", &Counters::dead_letters}}};

// A histogram's cumulative buckets, by ascending upper bound; the last bound is infinite.
struct Buckets {
    struct Bucket {
        double upper_bound = 0;
        double count = 0;
    };
    std::vector<Bucket> buckets;

    double count() const { return buckets.empty() ? 0 : buckets.back().count; }
    // Adds other, bucket by bucket. Both have the same bounds, unless one is empty.
    void add(const Buckets& other);
    // The increase since an earlier look; everything if the process was restarted in between.
    Buckets since(const Buckets& earlier) const;
    // Like Prometheus' histogram_quantile: linear within a bucket, and the largest finite bound beyond that. q from 0
    // to 1. Empty when nothing was counted.
    std::optional<double> quantile(double q) const;
};

struct Stats {
    std::string version;
    Counters counters;
    std::int64_t dead_letters_parked = 0;
    Buckets http, intake, apply;

    // Nothing for a body that GET /stats does not give. Members that it does not know are ignored.
    static std::optional<Stats> parse(const json::Value& body);
};

}  // namespace ledgerline::cli
