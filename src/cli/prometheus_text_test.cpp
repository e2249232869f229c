// Prometheus' text format, and quantiles computed from it.
#include "cli/prometheus_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "observe/metrics.h"

namespace ledgerline::cli {
namespace {

Scrape scrape_of(std::string_view text) {
    auto scrape = Scrape::parse(text);
    EXPECT_TRUE(scrape) << scrape.error().message;
    return scrape.value_or(Scrape{});
}

TEST(Scrape, SumsWhatHasTheLabels) {
    const Scrape scrape = scrape_of(
        "# HELP a_total Anything\n# TYPE a_total counter\n"
        "a_total{x=\"1\",y=\"p\"} 2\na_total{x=\"1\",y=\"q\"} 3.5\na_total{x=\"2\",y=\"p\"} 10\n\n"
        "b 1e3 1700000000000\n");
    EXPECT_EQ(scrape.sum("a_total"), 15.5);
    EXPECT_EQ(scrape.sum("a_total", {{"x", "1"}}), 5.5);
    EXPECT_EQ(scrape.sum("a_total", {{"x", "1"}, {"y", "q"}}), 3.5);
    EXPECT_EQ(scrape.sum("a_total", {{"z", "1"}}), 0);
    EXPECT_EQ(scrape.sum_if("a_total", [](const MetricSample& sample) { return sample.label("x") != "1"; }), 10);
    EXPECT_EQ(scrape.sum("b"), 1000);
    EXPECT_EQ(scrape.sum("c"), 0);
    EXPECT_EQ(scrape.label("a_total", "y"), "p");
}

TEST(Scrape, ReadsEscapesBlanksAndSpecialValues) {
    const Scrape scrape = scrape_of("a { x = \"1 \\\"}\\\\\\n\" , } 1\nb +Inf\nc NaN\nd{} -2.5e-3");
    EXPECT_EQ(scrape.label("a", "x"), "1 \"}\\\n");
    EXPECT_TRUE(std::isinf(scrape.sum("b")));
    EXPECT_TRUE(std::isnan(scrape.sum("c")));
    EXPECT_EQ(scrape.sum("d"), -0.0025);
}

TEST(Scrape, RefusesWhatIsNoMetric) {
    for (const char* text :
         {"<html>", "a", "a b", "a{x=\"1\" 5", "a{x=1} 5", "a{=\"1\"} 5", "a{x=\"1} 5", "{} 5", "a{x=\"\\"})
        EXPECT_FALSE(Scrape::parse(text)) << text;
    EXPECT_TRUE(Scrape::parse(""));
}

TEST(Scrape, ReadsWhatOurOwnProcessWrites) {
    Metrics metrics("9.9.9");
    metrics.events_published_total.Increment(7);
    metrics.worker_processing_duration_seconds.Observe(0.003);
    const Scrape scrape = scrape_of(metrics.to_text());
    EXPECT_EQ(scrape.sum("events_published_total"), 7);
    EXPECT_EQ(scrape.histogram("worker_processing_duration_seconds").count(), 1);
    EXPECT_EQ(scrape.label("ledgerline_build_info", "version"), "9.9.9");
}

constexpr std::string_view kHistogram =
    "h_bucket{r=\"a\",le=\"0.1\"} 5\nh_bucket{r=\"a\",le=\"1\"} 9\nh_bucket{r=\"a\",le=\"+Inf\"} 10\n"
    "h_count{r=\"a\"} 10\nh_sum{r=\"a\"} 3\n"
    "h_bucket{r=\"b\",le=\"0.1\"} 0\nh_bucket{r=\"b\",le=\"1\"} 10\nh_bucket{r=\"b\",le=\"+Inf\"} 10\n";

TEST(Buckets, AreMergedOverLabels) {
    const Scrape scrape = scrape_of(kHistogram);
    EXPECT_EQ(scrape.histogram("h").count(), 20);
    EXPECT_EQ(scrape.histogram("h").buckets.size(), 3u);
    EXPECT_EQ(scrape.histogram("h", [](const MetricSample& sample) { return sample.label("r") == "a"; }).count(), 10);
    EXPECT_EQ(scrape.histogram("nothing").quantile(0.5), std::nullopt);
}

TEST(Buckets, GiveQuantilesLinearWithinABucket) {
    const Buckets a =
        scrape_of(kHistogram).histogram("h", [](const MetricSample& sample) { return sample.label("r") == "a"; });
    EXPECT_DOUBLE_EQ(*a.quantile(0.25), 0.05);
    EXPECT_DOUBLE_EQ(*a.quantile(0.5), 0.1);
    EXPECT_DOUBLE_EQ(*a.quantile(0.7), 0.1 + 0.9 * 2 / 4);
    EXPECT_DOUBLE_EQ(*a.quantile(0.99), 1) << "beyond the largest bound";
    EXPECT_DOUBLE_EQ(*a.quantile(0), 0);
    EXPECT_EQ(Buckets{}.quantile(0.5), std::nullopt);
}

TEST(Buckets, TellWhatCameSinceAnEarlierLook) {
    const Buckets earlier{{{0.1, 5}, {INFINITY, 5}}};
    const Buckets later{{{0.1, 5}, {INFINITY, 8}}};
    EXPECT_EQ(later.since(earlier).count(), 3);
    EXPECT_EQ(later.since(earlier).buckets[0].count, 0);
    EXPECT_EQ(later.since(later).quantile(0.5), std::nullopt);
    EXPECT_EQ(earlier.since(later).count(), 5) << "the process was started anew";
    EXPECT_EQ(later.since(Buckets{}).count(), 8);
}

}  // namespace
}  // namespace ledgerline::cli
