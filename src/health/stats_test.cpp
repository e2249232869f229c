// GET /stats: sums of the metrics.
#include "health/stats.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace ledgerline::health {
namespace {

class StatsText : public testing::Test {
protected:
    // The value at that path, as text; "" when there is none.
    std::string at(std::initializer_list<std::string_view> path) const {
        json::Value value = json::parse(stats_text(metrics_, "9.9.9")).value();
        for (const std::string_view name : path) {
            const json::Value* member = value.find(name);
            if (!member) return "";
            value = json::Value(*member);
        }
        return json::serialize(value);
    }
    std::string counter(std::string_view name) const { return at({"counters", name}); }
    void answer(const char* route, const char* status, int count) {
        metrics_.http_requests_total.Add({{"method", "GET"}, {"route", route}, {"status", status}}).Increment(count);
    }

    Metrics metrics_{"9.9.9"};
};

TEST_F(StatsText, SumsOverLabels) {
    metrics_.intake_rows_total.Add({{"result", "created"}}).Increment(5);
    metrics_.intake_rows_total.Add({{"result", "replayed"}}).Increment(90);
    metrics_.dlq_messages_total.Add({{"class", "foreign"}}).Increment(2);
    metrics_.dlq_messages_total.Add({{"class", "unknown"}}).Increment(3);
    metrics_.events_consumed("processed").Increment(7);
    metrics_.events_consumed("failed").Increment(4);
    metrics_.dead_letters_parked.Set(6);
    EXPECT_EQ(at({"version"}), "\"9.9.9\"");
    EXPECT_EQ(counter("accepted"), "5");
    EXPECT_EQ(counter("dead_letters"), "5");
    EXPECT_EQ(counter("applied"), "7");
    EXPECT_EQ(counter("failed"), "4");
    EXPECT_EQ(counter("published"), "0");
    EXPECT_EQ(at({"dead_letters_parked"}), "6");
}

TEST_F(StatsText, ProbesAreNoRequests) {
    answer("metrics", "200", 70);
    answer("stats", "503", 70);
    answer("get_account", "200", 5);
    answer("get_account", "503", 2);
    EXPECT_EQ(counter("requests"), "7");
    EXPECT_EQ(counter("server_errors"), "2");
}

TEST_F(StatsText, HistogramsAreMergedOverLabels) {
    const auto observe = [&](const char* route, double seconds) {
        metrics_.http_request_duration_seconds
            .Add({{"method", "GET"}, {"route", route}}, prometheus::Histogram::BucketBoundaries{0.1, 1})
            .Observe(seconds);
    };
    observe("get_account", 0.05);
    observe("list_accounts", 0.5);
    observe("list_accounts", 5);
    observe("metrics", 0.05);
    EXPECT_EQ(at({"latencies", "http", "bounds_seconds"}), "[0.100000000,1.000000000]");
    EXPECT_EQ(at({"latencies", "http", "counts"}), "[1,2,3]");
}

}  // namespace
}  // namespace ledgerline::health
