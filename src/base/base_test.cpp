#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/loop.h"

namespace ledgerline {
namespace {

TEST(Clock, FormatsRfc3339InUtcWithMicroseconds) {
    EXPECT_EQ(format_rfc3339(WallTime(std::chrono::microseconds(0))), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(format_rfc3339(WallTime(std::chrono::microseconds(1'700'000'000'000'001))),
              "2023-11-14T22:13:20.000001Z");
}

TEST(Random, BelowStaysBelow) {
    SeededRandom random(3);
    std::uint64_t largest = 0;
    for (int i = 0; i < 1000; ++i) largest = std::max(largest, random.below(10));
    EXPECT_EQ(largest, 9u);
}

TEST(Backoff, GrowsUpToItsCapWithFullJitter) {
    SeededRandom random(5);
    Backoff backoff({milliseconds(10), milliseconds(200)}, random);
    milliseconds largest{0};
    for (int i = 0; i < 100; ++i) {
        const milliseconds delay = backoff.next();
        EXPECT_LE(delay.count(), std::min(200, i < 5 ? 10 << i : 200));
        largest = std::max(largest, delay);
    }
    EXPECT_GT(largest.count(), 100);
    backoff.reset();
    EXPECT_LE(backoff.next().count(), 10);
}

TEST(LoopThread, RunsUntilStoppedAndToleratesRepetition) {
    Wakeup wakeup, stepped;
    std::atomic<int> steps = 0;
    LoopThread loop(
        "loop", wakeup,
        [&]() -> Result<milliseconds> {
            ++steps;
            stepped.notify();
            return std::chrono::hours(1);
        },
        [](const Error&) { FAIL(); });
    loop.start();
    loop.start();
    while (steps < 1) stepped.wait(std::chrono::seconds(10));
    wakeup.notify();
    while (steps < 2) stepped.wait(std::chrono::seconds(10));
    loop.stop();
    loop.stop();
    EXPECT_GE(steps, 2);
}

TEST(LoopThread, HandsOverTheFailureThatEndsIt) {
    const auto failing_with = [](LoopThread::Step step) {
        Wakeup wakeup, ended;
        std::string message;
        LoopThread loop("loop", wakeup, std::move(step), [&](const Error& error) {
            message = error.message;
            ended.notify();
        });
        loop.start();
        ended.wait(std::chrono::seconds(10));
        loop.stop();
        return message;
    };
    EXPECT_EQ(failing_with([]() -> Result<milliseconds> { return failure(Disposition::stop, "42P01", "gone"); }),
              "gone");
}

TEST(LoopThread, OutlivesWhatItsStepsThrow) {
    Wakeup wakeup, done;
    std::vector<std::string> thrown;
    int steps = 0;
    LoopThread loop(
        "loop", wakeup,
        [&]() -> Result<milliseconds> {
            switch (++steps) {
                case 1:
                    throw std::bad_alloc();
                case 2:
                    throw std::runtime_error("bad");
                case 3:
                    throw 7;
                default:
                    done.notify();
                    return milliseconds(60'000);
            }
        },
        [](const Error& error) { ADD_FAILURE() << error.message; },
        [&](const char* what) { thrown.emplace_back(what); });
    loop.start();
    EXPECT_TRUE(done.wait(std::chrono::seconds(60)));
    loop.stop();
    EXPECT_EQ(thrown, (std::vector<std::string>{"out of memory", "bad", "unknown exception"}));
}

TEST(Time, ReadsWhatItWrites) {
    const WallTime time(std::chrono::microseconds(1'700'000'000'123'456));
    EXPECT_EQ(parse_rfc3339(format_rfc3339(time)), time);
    const WallTime second(std::chrono::seconds(1'700'000'000));
    EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20Z"), second);
    EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.5Z"), second + milliseconds(500));
    EXPECT_EQ(parse_rfc3339("2023-11-15T00:13:20+02:00"), second);
    EXPECT_EQ(parse_rfc3339("2023-11-14T16:43:20-05:30"), second);
    for (const char* wrong : {"",
                              "2023-11-14",
                              "2023-11-14T22:13:20",
                              "2023-11-14 22:13:20Z",
                              "2023-02-29T00:00:00Z",
                              "2023-13-01T00:00:00Z",
                              "2023-11-14T24:00:00Z",
                              "2023-11-14T22:13:20.Z",
                              "2023-11-14T22:13:20.1x2Z",
                              "2023-11-14T22:13:20.123.4Z",
                              "2023-11-14T22:13:20Zx",
                              "2023-11-14T22:13:20zZ",
                              "2023-11-14T22:13:20+0200",
                              "-023-11-14T22:13:20Z",
                              "0000-12-31T23:59:59Z",
                              "0001-01-01T00:00:00+01:00",
                              "9999-12-31T23:59:59-01:00",
                              "2023-11-14T22:13:-1Z",
                              "2023-11-14T22:13:60Z",
                              "2023-11-14T22:13:61Z"})
        EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
}

TEST(Time, ReadsAllThatRfc3339Allows) {
    const WallTime second(std::chrono::seconds(1'700'000'000));
    EXPECT_EQ(parse_rfc3339("2023-11-14t22:13:20z"), second);
    EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20-00:00"), second);
    EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.1234567Z"), second + std::chrono::microseconds(123'456));
    EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20." + std::string(1000, '9') + "+00:00"),
              second + std::chrono::microseconds(999'999));
    // Leap seconds, and what other systems use for "no time".
    EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60.5Z"), parse_rfc3339("2017-01-01T00:00:00Z"));
    EXPECT_EQ(parse_rfc3339("1990-12-31T15:59:60-08:00"), parse_rfc3339("1991-01-01T00:00:00Z"));
    EXPECT_EQ(format_rfc3339(*parse_rfc3339("0001-01-01T00:00:00Z")), "0001-01-01T00:00:00.000000Z");
    EXPECT_EQ(format_rfc3339(*parse_rfc3339("1969-12-31T23:59:59.9Z")), "1969-12-31T23:59:59.900000Z");
    // A moment after the last time that is read, for PostgreSQL, which knows more.
    EXPECT_EQ(format_rfc3339(*parse_rfc3339("9999-12-31T23:59:59.999999Z") + std::chrono::microseconds(1)),
              "10000-01-01T00:00:00.000000Z");
}

}  // namespace
}  // namespace ledgerline
