// What `ledgerline top` computes from two looks, and how it shows it.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cli/terminal.h"
#include "cli/top_view.h"

namespace ledgerline::cli {
namespace {

using testing::HasSubstr;

Look::Process process(const std::string& url, const Counters& counters = {}) {
    Stats stats;
    stats.version = "1.2";
    stats.counters = counters;
    return {.url = url, .stats = stats, .error = ""};
}
Look look(int seconds, std::vector<Look::Process> processes, const std::string& lanes = "null") {
    return {.at = SteadyTime(std::chrono::seconds(seconds)),
            .processes = std::move(processes),
            .lanes = json::parse(lanes).value()};
}
std::string text_of(const TopView& view) { return fmt::format("{}", fmt::join(to_lines(view), "\n")); }

TEST(Top, RatesArePerSecondAndAddUpOverServers) {
    const TopView view = top_view(
        look(10, {process("a", {.accepted = 100}), process("b", {.published = 50, .applied = 40})}),
        look(12, {process("a", {.accepted = 140}), process("b", {.published = 60, .applied = 41, .failed = 4})}));
    EXPECT_EQ(view.seconds, 2);
    EXPECT_EQ(view.rates.accepted, 20);
    EXPECT_EQ(view.rates.published, 5);
    EXPECT_EQ(view.rates.applied, 0.5);
    EXPECT_EQ(view.rates.failed, 2);
    EXPECT_EQ(view.processes[0].rates.accepted, 20);
    EXPECT_EQ(view.processes[1].rates.accepted, 0);
    EXPECT_THAT(text_of(view), HasSubstr("20.0/s accepted, 5.0/s published, 0.5/s applied, 2.0/s failed"));
}

TEST(Top, ARestartedServerCountsFromZero) {
    const TopView view =
        top_view(look(0, {process("a", {.published = 1000})}), look(1, {process("a", {.published = 3})}));
    EXPECT_EQ(view.rates.published, 3);
}

TEST(Top, AServerThatComesBackIsNotARush) {
    const Look::Process away{.url = "a", .stats = {}, .error = "no connection"};
    const TopView back = top_view(look(0, {away}), look(1, {process("a", {.published = 1000})}));
    EXPECT_EQ(back.rates.published, 0);
    const TopView gone = top_view(look(0, {process("a", {.published = 1})}), look(1, {away}));
    EXPECT_THAT(text_of(gone), HasSubstr("does not answer: no connection"));
    EXPECT_THAT(text_of(gone), HasSubstr("no server reports its lanes"));
}

TEST(Top, LatenciesAreThoseSinceTheLastLook) {
    const auto with = [](const char* url, double fast, double slow) {
        Look::Process measured = process(url);
        measured.stats->apply = {{{0.01, fast}, {0.1, fast + slow}, {INFINITY, fast + slow}}};
        return measured;
    };
    const TopView view =
        top_view(look(0, {with("a", 1000, 0), with("b", 0, 0)}), look(1, {with("a", 1000, 10), with("b", 0, 10)}));
    const TopLatency& apply = view.latencies[2];
    EXPECT_EQ(apply.name, "apply");
    EXPECT_EQ(apply.count, 20);
    EXPECT_NEAR(*apply.p50, 0.055, 1e-9);
    EXPECT_EQ(view.latencies[0].p50, std::nullopt);
    EXPECT_THAT(text_of(view), HasSubstr("apply    55.0 ms"));
}

constexpr const char* kLanes =
    R"([{"lane":0,"last_seq":100,"published_seq":90,"applied_seq":70,"owner":"pub-1","oldest_waiting_age_ms":1500,)"
    R"("last_error":null,"failing_seq":71,"attempts":2},)"
    R"({"lane":1,"last_seq":10,"published_seq":4,"applied_seq":6,"owner":null,"oldest_waiting_age_ms":20,)"
    R"("last_error":"broker down","failing_seq":null,"attempts":0}])";

TEST(Top, LanesShowWhatWaitsAndWhy) {
    Look::Process parked = process("a");
    parked.stats->dead_letters_parked = 3;
    const TopView view = top_view(look(0, {process("a")}), look(1, {parked}, kLanes));
    EXPECT_EQ(view.to_publish(), 14) << "what is applied needs no publishing";
    EXPECT_EQ(view.to_apply(), 34);
    EXPECT_EQ(view.oldest_ms(), 1500);
    EXPECT_EQ(view.dead_letters_parked, 3);
    const std::string text = text_of(view);
    for (const char* part : {"14 to publish, 34 to apply, the oldest for 1.5 s", "seq 71 has failed 2 times",
                             "nobody     broker down", "3 parked"})
        EXPECT_THAT(text, HasSubstr(part));
}

TEST(Top, ProgramsGetTheSameAsJson) {
    const Look first = look(0, {process("a", {.published = 0})});
    const Look second = look(2, {process("a", {.published = 5})}, kLanes);
    const std::string text = json::serialize(to_json(top_view(first, second)));
    for (const char* part :
         {R"("seconds":2.000000)", R"("published":2.500000)", R"("to_apply":34)", R"("oldest_waiting_age_ms":1500)",
          R"("p50_seconds":null)", R"("owner":null)", R"("url":"a","up":true,"version":"1.2")"})
        EXPECT_THAT(text, HasSubstr(part));
}

TEST(Screen, PutsLinesInPlaceOfThePictureBefore) {
    EXPECT_EQ(picture_of({"one", "two"}, {24, 80}), "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
}

TEST(Screen, CutsToItsSizeByCodePoints) {
    EXPECT_EQ(picture_of({"äöü", "two", "three"}, {2, 2}), "\x1b[Häö\x1b[K\r\ntw\x1b[K\x1b[J");
}

}  // namespace
}  // namespace ledgerline::cli
