// A transaction's life as text.
#include "cli/trace_timeline.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace ledgerline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kLetter =
    R"({"id":"L","state":"STATE","topic":"transactions","partition":3,"offset":17,"error_class":"permanent",)"
    R"("error_code":"23514","error_message":"a check failed","attempts":1,)"
    R"("first_failed_at":"2026-11-23T10:00:01.000000Z","last_failed_at":"2026-11-23T10:00:01.000000Z",)"
    R"("decided_at":"2026-11-23T10:00:02.000000Z","decided_by":"ann"})";

std::string event(const std::string& published, const std::string& letter, const std::string& outcome,
                  const std::string& replay_of = "null", const std::string& discard_of = "null") {
    return R"({"event_id":"E","lane":3,"seq":42,"created_at":"2026-11-23T10:00:00.000000Z","trace_id":"T","replay_of":)" +
           replay_of + R"(,"discard_of":)" + discard_of + R"(,"published":)" + published + R"(,"dead_letter":)" +
           letter + R"(,"outcome":)" + outcome + "}";
}

std::string letter_in(const std::string& state) {
    std::string letter = kLetter;
    return letter.replace(letter.find("STATE"), 5, state);
}

json::Value trace_of(const std::string& events, const std::string& lane_more = "") {
    return json::parse(
               R"({"transaction":{"id":"X","account_id":"A","type":"CREDIT","amount_cents":1234,"currency":"EUR",)"
               R"("status":"PENDING","created_at":"2026-11-23T10:00:00.000000Z"},)"
               R"("lane":{"lane":3,"last_seq":50,"published_seq":30,"applied_seq":20)" +
               lane_more + R"(},"events":[)" + events + "]}")
        .value();
}

std::string write(std::int64_t cents, const std::string& currency) { return fmt::format("{}/{}", cents, currency); }

std::vector<std::string> names_of(const json::Value& trace) {
    std::vector<std::string> names;
    for (const TraceStep& step : timeline_of(trace, write)) names.push_back(step.name);
    return names;
}

TEST(Timeline, WaitsForAPublisher) {
    const auto steps = timeline_of(
        trace_of(event("false", "null", "null"), R"(,"owner":"pub-1","publish_attempts":4,"last_error":"broker down")"),
        write);
    ASSERT_EQ(steps.size(), 2u);
    EXPECT_EQ(steps[0].details, "event E, lane 3, seq 42, trace T");
    EXPECT_EQ(steps[1].details,
              "for a publisher, 11 events before it; the lane's publisher is pub-1, whose last 4 attempts failed: "
              "broker down");
    EXPECT_THAT(timeline_of(trace_of(event("false", "null", "null")), write)[1].details,
                HasSubstr("no publisher has the lane"));
}

TEST(Timeline, WaitsForAWorker) {
    const json::Value trace = trace_of(event("true", "null", "null"), R"(,"failing_seq":21,"attempts":3)");
    EXPECT_THAT(names_of(trace), ElementsAre("accepted", "published", "waits"));
    EXPECT_EQ(timeline_of(trace, write)[2].details,
              "for a worker, 21 events before it; the one at seq 21 has failed 3 times");
}

TEST(Timeline, EndsAppliedOrFailed) {
    const json::Value applied = trace_of(
        event("true", "null",
              R"({"status":"PROCESSED","balance_after_cents":98765,"processed_at":"2026-11-23T10:00:00.012500Z"})"));
    EXPECT_THAT(names_of(applied), ElementsAre("accepted", "published", "applied"));
    EXPECT_EQ(timeline_of(applied, write)[2].details, "balance 98765/EUR");
    const json::Value failed = trace_of(
        event("true", "null",
              R"({"status":"FAILED","failure_code":"account_suspended","failure_reason":"the account is suspended"})"));
    EXPECT_EQ(timeline_of(failed, write)[2].details, "account_suspended: the account is suspended");
}

TEST(Timeline, FollowsADeadLetter) {
    EXPECT_THAT(names_of(trace_of(event("true", letter_in("PARKED"), "null"))),
                ElementsAre("accepted", "published", "parked", "waits"));
    const json::Value discarded = trace_of(event("true", letter_in("DISCARDED"), "null") + "," +
                                           event("true", "null", R"({"status":"FAILED"})", "null", "\"L\""));
    EXPECT_THAT(names_of(discarded),
                ElementsAre("accepted", "published", "parked", "discarded", "published", "failed"));
    EXPECT_EQ(timeline_of(discarded, write)[3].details, "by ann, as event E, lane 3, seq 42, trace T");
    const json::Value replayed = trace_of(event("true", letter_in("REPLAYED"), "null") + "," +
                                          event("true", "null", R"({"status":"PROCESSED"})", "\"L\""));
    EXPECT_THAT(names_of(replayed), ElementsAre("accepted", "published", "parked", "replayed", "published", "applied"));
    EXPECT_EQ(timeline_of(replayed, write)[1].details, "transactions partition 3 offset 17");
    EXPECT_EQ(timeline_of(replayed, write)[3].details, "by ann, as event E, lane 3, seq 42, trace T");
    EXPECT_EQ(timeline_of(replayed, write)[2].details,
              "dead letter L: permanent 23514: a check failed (1 attempt, the first at 2026-11-23T10:00:01.000000Z)");
}

TEST(Timeline, IsPrintedWithTheTimeSinceAcceptance) {
    std::ostringstream out;
    print_timeline(
        out,
        trace_of(
            event("true", "null",
                  R"({"status":"PROCESSED","balance_after_cents":5,"processed_at":"2026-11-23T10:00:00.012500Z"})")),
        write);
    EXPECT_EQ(out.str(),
              "transaction X: CREDIT of 1234/EUR, account A: PENDING\n\n"
              "time                         since accepted  step       details\n"
              "2026-11-23T10:00:00.000000Z       +0.000 ms  accepted   event E, lane 3, seq 42, trace T\n"
              "                                             published  partition 3\n"
              "2026-11-23T10:00:00.012500Z      +12.500 ms  applied    balance 5/EUR\n\n"
              "lane 3: accepted up to seq 50, published up to 30, applied up to 20; published by nobody\n");
}

}  // namespace
}  // namespace ledgerline::cli
