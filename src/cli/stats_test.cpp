// What GET /stats says, and quantiles computed from it.
#include "cli/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "health/stats.h"
#include "observe/metrics.h"

namespace ledgerline::cli {
namespace {

TEST(Stats, AreReadAsOurOwnProcessWritesThem) {
    Metrics metrics("9.9.9");
    metrics.events_published_total.Increment(7);
    metrics.dead_letters_parked.Set(3);
    metrics.worker_processing_duration_seconds.Observe(0.003);
    const auto stats = Stats::parse(json::parse(health::stats_text(metrics, "9.9.9")).value());
    ASSERT_TRUE(stats);
    EXPECT_EQ(stats->version, "9.9.9");
    EXPECT_EQ(stats->counters.published, 7);
    EXPECT_EQ(stats->dead_letters_parked, 3);
    EXPECT_EQ(stats->apply.count(), 1);
    EXPECT_TRUE(std::isinf(stats->apply.buckets.back().upper_bound));
    EXPECT_LT(*stats->apply.quantile(0.5), 0.1);
    EXPECT_EQ(stats->http.quantile(0.5), std::nullopt);
}

// Each replacement makes a good body bad.
TEST(Stats, OfOtherShapesAreRefused) {
    std::string good = R"({"version":"1","counters":{)";
    for (const auto& [name, counter] : counter_names) good += '"' + std::string(name) + R"(":1,)";
    good += R"("later":2},"dead_letters_parked":0,"latencies":{"http":{"bounds_seconds":[0.5,1],"counts":[1,2,3]},)"
            R"("intake":{"bounds_seconds":[],"counts":[]},"apply":{"bounds_seconds":[1],"counts":[0,0]}}})";
    ASSERT_TRUE(Stats::parse(json::parse(good).value())) << good;
    for (const auto& [from, to] : std::initializer_list<std::pair<std::string, std::string>>{
             {R"("requests":1)", R"("requests":"1")"},
             {R"("requests":1)", R"("requests":-1)"},
             {R"("requests":1)", R"("requests":1e999)"},
             {R"("failed":1,)", ""},
             {R"("dead_letters_parked":0)", R"("dead_letters_parked":null)"},
             {"[1,2,3]", "[1,2]"},
             {"[1,2,3]", "[1,3,2]"},
             {"[1,2,3]", "{}"},
             {"[0.5,1]", "[1,0.5]"},
             {R"("intake")", R"("other")"}}) {
        std::string bad = good;
        bad.replace(bad.find(from), from.size(), to);
        EXPECT_FALSE(Stats::parse(json::parse(bad).value())) << bad;
    }
    for (const char* other : {"null", "[]", "{}", R"({"counters":[]})"})
        EXPECT_FALSE(Stats::parse(json::parse(other).value())) << other;
}

TEST(Buckets, AreAddedBucketByBucket) {
    Buckets all;
    all.add({{{0.1, 5}, {1, 9}, {INFINITY, 10}}});
    all.add({{{0.1, 0}, {1, 10}, {INFINITY, 10}}});
    EXPECT_EQ(all.count(), 20);
    EXPECT_EQ(all.buckets[1].count, 19);
    EXPECT_EQ(all.buckets.size(), 3u);
}

TEST(Buckets, GiveQuantilesLinearWithinABucket) {
    const Buckets a{{{0.1, 5}, {1, 9}, {INFINITY, 10}}};
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
    EXPECT_EQ(earlier.since(later).count(), 5) << "the process was restarted";
    EXPECT_EQ(later.since(Buckets{}).count(), 8);
}

}  // namespace
}  // namespace ledgerline::cli
