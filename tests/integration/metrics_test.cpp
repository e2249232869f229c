// /metrics of the whole pipeline after some work: its names, types and labels are those of the golden file, because
// dashboards and alerts are made of them, and promtool finds nothing wrong with the text.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "bus/kafka/statistics.h"
#include "lab/pipeline.h"

namespace ledgerline {
namespace {

// Set, the golden file is written instead of compared.
constexpr const char* update_variable = "LEDGERLINE_UPDATE_GOLDEN";

// The family a sample belongs to: a histogram's samples have its name with a suffix.
std::string family_of(const std::string& sample, const std::map<std::string, std::string>& types) {
    for (const std::string_view suffix : {"_bucket", "_sum", "_count"})
        if (sample.ends_with(suffix)) {
            const std::string family = sample.substr(0, sample.size() - suffix.size());
            if (const auto found = types.find(family); found != types.end() && found->second == "histogram")
                return family;
        }
    return sample;
}

// The label names of a sample line. No value of ours holds a quote.
std::set<std::string> labels_of(const std::string& line) {
    std::set<std::string> labels;
    std::size_t at = line.find('{');
    while (at != std::string::npos) {
        const std::size_t equals = line.find("=\"", at + 1);
        if (equals == std::string::npos) break;
        labels.insert(line.substr(at + 1, equals - at - 1));
        at = line.find('"', equals + 2) + 1;
        if (line.at(at) != ',') break;
    }
    return labels;
}

// One line a metric, sorted: `name type {label names}`. le, which every histogram has, is left out.
std::string summary_of(const std::string& text) {
    std::map<std::string, std::string> types;
    std::map<std::string, std::set<std::string>> labels;
    std::set<std::string> helped;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string hash, keyword, name, type;
        words >> hash >> keyword >> name >> type;
        if (hash != "#") {
            labels[family_of(line.substr(0, line.find_first_of("{ ")), types)].merge(labels_of(line));
        } else if (keyword == "TYPE") {
            types[name] = type;
        } else if (keyword == "HELP" && !type.empty()) {
            helped.insert(name);
        }
    }
    std::string summary;
    for (auto& [name, type] : types) {
        EXPECT_TRUE(helped.contains(name)) << name;
        labels[name].erase("le");
        summary += fmt::format("{} {} {{{}}}\n", name, type, fmt::join(labels[name], ","));
    }
    return summary;
}

// A file with this text; it goes with its directory.
std::string write_to(const test::TempDir& dir, const std::string& text) {
    const std::string path = dir.path() / "metrics.txt";
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

struct Ended {
    int exit_code = -1;
    std::string output;
};

Ended run_shell(const std::string& command) {
    Ended ended;
    FILE* pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
    LEDGERLINE_ASSERT(pipe);
    char block[4096];
    while (const std::size_t size = fread(block, 1, sizeof block, pipe)) ended.output.append(block, size);
    const int status = pclose(pipe);
    if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
    return ended;
}

void post_settled(const test::ApiServer& api, const std::string& body, const std::string& status) {
    EXPECT_EQ(api.post("/v1/transactions", body, {{"Prefer", "wait=30"}}).at("status"), status);
}

// What a process on Kafka measures besides.
void measure_kafka(Metrics& metrics) {
    metrics.kafka_reachable.Add({}).Set(1);
    metrics.kafka_consumer_lag_messages.Add({{"partition", "0"}}).Set(0);
    metrics.kafka_partitions_unavailable.Add({{"topic", "transactions"}}).Set(0);
    metrics.kafka_throttled_seconds.Add({{"client", "worker"}}).Set(0);
    bus::record_kafka_statistics("{}", "worker", metrics);
}

// What has been measured when every part has worked: labels appear with their first sample.
const std::string& metrics_after_work() {
    static const std::string text = [] {
        test::Pipeline pipeline;
        const test::ApiServer& api = pipeline.api();
        const std::string account = api.account();
        post_settled(api, api.transaction(account, "a", 500), "PROCESSED");
        post_settled(api, api.transaction(account, "b", 700), "PROCESSED");
        std::string debit = api.transaction(account, "c", 9000);
        debit.replace(debit.find("CREDIT"), 6, "DEBIT");
        post_settled(api, debit, "FAILED");
        EXPECT_EQ(api.post("/v1/transactions", api.transaction(account, "a", 501)).status, 422);
        EXPECT_EQ(api.call("BREW", "/v1/transactions").status, 405);
        EXPECT_EQ(api.post("/v1/transactions", "{").status, 400);
        measure_kafka(pipeline.metrics());
        return *api.get("/metrics").body.if_string();
    }();
    return text;
}

TEST(MetricsTest, NamesTypesAndLabelsAreThoseOfTheGoldenFile) {
    const std::string summary = summary_of(metrics_after_work());
    if (std::getenv(update_variable)) {
        std::ofstream(METRICS_GOLDEN_FILE, std::ios::binary) << summary;
        GTEST_SKIP() << "skipped: wrote " << METRICS_GOLDEN_FILE;
    }
    const test::TempDir dir;
    const Ended diff = run_shell(fmt::format("diff -u '{}' '{}'", METRICS_GOLDEN_FILE, write_to(dir, summary)));
    EXPECT_EQ(diff.exit_code, 0) << diff.output << "\nIf the change is meant, run this test with " << update_variable
                                 << "=1 and commit the file.";
}

TEST(MetricsTest, PromtoolFindsNothingWrong) {
    ASSERT_EQ(run_shell("command -v promtool").exit_code, 0) << "promtool is missing: scripts/bootstrap installs it";
    const test::TempDir dir;
    const Ended check = run_shell(fmt::format("promtool check metrics < '{}'", write_to(dir, metrics_after_work())));
    EXPECT_EQ(check.exit_code, 0);
    EXPECT_EQ(check.output, "");
}

// The lines that are samples.
std::size_t series_of(const std::string& text) {
    std::istringstream lines(text);
    std::size_t series = 0;
    for (std::string line; std::getline(lines, line);) series += !line.starts_with('#');
    return series;
}

// Everything that a client can choose, with new values in each call.
void vary(const test::ApiServer& api, int round) {
    const std::string account = api.account(R"("currency":"EUR","reference":"r)" + std::to_string(round) + '"');
    post_settled(api, api.transaction(account, "k" + std::to_string(round), round + 1), "PROCESSED");
    std::string debit = api.transaction(account, "d" + std::to_string(round), 1'000'000);
    debit.replace(debit.find("CREDIT"), 6, "DEBIT");
    post_settled(api, debit, "FAILED");
    api.get("/v1/accounts/" + account);
    api.get("/v1/accounts/none" + std::to_string(round));
    api.get("/nowhere/" + std::to_string(round) + "?q=" + std::to_string(round));
    api.call("METHOD" + std::to_string(round), "/v1/transactions");
    api.post("/v1/transactions", R"({"currency":"X)" + std::to_string(round) + R"("})");
}

TEST(MetricsTest, WhatClientsChooseMakesNoSeries) {
    constexpr std::size_t kSeriesMax = 1500;
    constexpr int kRounds = 20;
    test::Pipeline pipeline;
    const auto scrape = [&] { return series_of(*pipeline.api().get("/metrics").body.if_string()); };
    for (int round = 0; round < kRounds; ++round) vary(pipeline.api(), round);
    scrape();  // itself a request with series of its own
    const std::size_t before = scrape();
    EXPECT_LT(before, kSeriesMax);
    for (int round = kRounds; round < 2 * kRounds; ++round) vary(pipeline.api(), round);
    EXPECT_EQ(scrape(), before);
}

}  // namespace
}  // namespace ledgerline
