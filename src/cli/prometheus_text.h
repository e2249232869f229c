// Scrape: the metrics of one process at one moment, parsed from Prometheus' text format (version 0.0.4).
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ledgerline::cli {

struct MetricSample {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;

    // The label's value; "" if absent.
    std::string_view label(std::string_view label_name) const;
};

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
    // The increase since an earlier scrape; everything if the process was restarted in between.
    Buckets since(const Buckets& earlier) const;
    // Like Prometheus' histogram_quantile: linear within a bucket, and the largest finite bound beyond that. q from 0
    // to 1. Empty when nothing was counted.
    std::optional<double> quantile(double q) const;
};

class Scrape {
public:
    // Error bad_metrics: a line violates the format.
    static Result<Scrape> parse(std::string_view text);

    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
    // Over all samples with that name and these labels; 0 if there are none.
    double sum(std::string_view name, Labels labels = {}) const;
    double sum_if(std::string_view name, const std::function<bool(const MetricSample&)>& wanted) const;
    // All selected histograms of that name, merged.
    Buckets histogram(
        std::string_view name,
        const std::function<bool(const MetricSample&)>& wanted = [](const MetricSample&) { return true; }) const;
    // The label's value in the first sample of that name; "" if there is none.
    std::string label(std::string_view name, std::string_view label_name) const;

private:
    std::vector<MetricSample> samples_;
};

}  // namespace ledgerline::cli
