// Scrape: the metrics of one process at one moment, read from Prometheus' text format (version 0.0.4).
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

    // The label's value; "" without it.
    std::string_view label(std::string_view label_name) const;
};

// A histogram's cumulative buckets, by rising upper bound; the last bound is infinite.
struct Buckets {
    struct Bucket {
        double upper_bound = 0;
        double count = 0;
    };
    std::vector<Bucket> buckets;

    double count() const { return buckets.empty() ? 0 : buckets.back().count; }
    // Adds other, bucket by bucket; both have the same bounds unless one is empty.
    void add(const Buckets& other);
    // What came since an earlier look. All of it where the process was started anew meanwhile.
    Buckets since(const Buckets& earlier) const;
    // As Prometheus' histogram_quantile: linear within a bucket, the largest finite bound beyond it. q from 0 to 1.
    // Nothing when nothing was counted.
    std::optional<double> quantile(double q) const;
};

class Scrape {
public:
    // Error bad_metrics: a line breaks the format.
    static Result<Scrape> parse(std::string_view text);

    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
    // Of all samples of that name with these labels; 0 when there are none.
    double sum(std::string_view name, Labels labels = {}) const;
    double sum_if(std::string_view name, const std::function<bool(const MetricSample&)>& wanted) const;
    // All histograms of that name whose samples are wanted, as one.
    Buckets histogram(
        std::string_view name,
        const std::function<bool(const MetricSample&)>& wanted = [](const MetricSample&) { return true; }) const;
    // The label's value of the first sample of that name; "" when there is none.
    std::string label(std::string_view name, std::string_view label_name) const;

private:
    std::vector<MetricSample> samples_;
};

}  // namespace ledgerline::cli
