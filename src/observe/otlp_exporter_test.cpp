// Tests the exporter against a collector whose answers the tests script.
#include "observe/otlp_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace ledgerline {
namespace {

constexpr milliseconds kPatience{60'000};

// Gives the answers that the test scripts; by default 200.
class ScriptedSender final : public OtlpSender {
public:
    Result<OtlpAnswer> post(const std::string& body, milliseconds timeout) override {
        std::unique_lock lock(mutex_);
        bodies_.push_back(body);
        timeouts_.push_back(timeout);
        changed_.notify_all();
        changed_.wait(lock, [this] { return !closed_; });
        if (answers_.empty()) return OtlpAnswer{200, milliseconds(0), "{}"};
        auto answer = std::move(answers_.front());
        answers_.pop_front();
        return answer;
    }
    void hurry(SteadyTime) override { open(); }

    void answer(Result<OtlpAnswer> answer) { answers_.push_back(std::move(answer)); }
    // Holds back the answers until open().
    void close() { closed_ = true; }
    void open() {
        const std::lock_guard lock(mutex_);
        closed_ = false;
        changed_.notify_all();
    }
    bool wait_requests(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] { return bodies_.size() >= count; });
    }
    std::vector<std::string> bodies() {
        const std::lock_guard lock(mutex_);
        return bodies_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Result<OtlpAnswer>> answers_;
    std::vector<std::string> bodies_;
    std::vector<milliseconds> timeouts_;
    bool closed_ = false;
};

class Exporter : public testing::Test {
protected:
    void start(ExporterConfig config = {}) {
        config.delay = std::min(config.delay, milliseconds(1));
        config.backoff = {milliseconds(1), milliseconds(1)};
        exporter_.emplace(config, sender_, clock_, random_, metrics_);
        exporter_->start();
    }
    void take(const std::string& name) {
        auto span = std::make_unique<SpanData>();
        span->name = name;
        exporter_->take(std::move(span));
    }
    double dropped(const char* reason) { return metrics_.trace_spans_dropped_total.Add({{"reason", reason}}).Value(); }
    double exported() { return metrics_.trace_spans_exported_total.Value(); }
    double failures() { return metrics_.trace_export_failures_total.Value(); }

    SystemClock clock_;
    SeededRandom random_{1};
    Metrics metrics_{"test"};
    ScriptedSender sender_;
    std::optional<OtlpExporter> exporter_;
};

TEST_F(Exporter, SendsWhatItIsGiven) {
    start();
    take("one");
    ASSERT_TRUE(sender_.wait_requests(1));
    take("two");
    exporter_->stop(kPatience);
    EXPECT_EQ(exported(), 2);
    const auto bodies = sender_.bodies();
    EXPECT_THAT(bodies.front(), testing::HasSubstr(R"("name":"one")"));
    EXPECT_THAT(bodies.back(), testing::HasSubstr(R"("name":"two")"));
}

TEST_F(Exporter, SendsNoMoreThanABatchAtOnce) {
    sender_.close();
    start({.batch_spans_max = 2});
    take("first");
    ASSERT_TRUE(sender_.wait_requests(1));
    for (int i = 0; i < 5; ++i) take("other");
    sender_.open();
    exporter_->stop(kPatience);
    EXPECT_EQ(sender_.bodies().size(), 4u);
    EXPECT_EQ(exported(), 6);
}

TEST_F(Exporter, DropsAndCountsWhatTheQueueCannotHold) {
    sender_.close();
    start({.queue_spans_max = 3, .batch_spans_max = 1});
    take("under way");
    ASSERT_TRUE(sender_.wait_requests(1));
    for (int i = 0; i < 5; ++i) take("waiting");
    EXPECT_EQ(dropped("queue_full"), 2);
    sender_.open();
    exporter_->stop(kPatience);
    EXPECT_EQ(exported(), 4);
}

TEST_F(Exporter, TriesAgainWhatMaySucceedLater) {
    sender_.answer(OtlpAnswer{429, milliseconds(1), ""});
    sender_.answer(OtlpAnswer{503, milliseconds(0), ""});
    sender_.answer(failure(Disposition::retry, "collector_unreachable", "refused"));
    start();
    take("one");
    ASSERT_TRUE(sender_.wait_requests(4));
    exporter_->stop(kPatience);
    EXPECT_EQ(exported(), 1);
    EXPECT_EQ(failures(), 3);
    EXPECT_THAT(sender_.bodies(), testing::Each(sender_.bodies().front()));
}

TEST_F(Exporter, GivesUpWhatTheCollectorRefuses) {
    sender_.answer(OtlpAnswer{400, milliseconds(0), ""});
    start();
    take("bad");
    ASSERT_TRUE(sender_.wait_requests(1));
    take("good");
    exporter_->stop(kPatience);
    EXPECT_EQ(dropped("refused"), 1);
    EXPECT_EQ(exported(), 1);
}

TEST_F(Exporter, CountsWhatTheCollectorRejectsInPart) {
    sender_.answer(OtlpAnswer{200, milliseconds(0), R"({"partialSuccess":{"rejectedSpans":"1"}})"});
    start({.batch_spans_max = 1});
    take("one");
    take("two");
    exporter_->stop(kPatience);
    EXPECT_EQ(dropped("refused"), 1);
    EXPECT_EQ(exported(), 1);
}

TEST_F(Exporter, GivesABatchUpAfterAWhile) {
    for (int i = 0; i < 10'000; ++i) sender_.answer(OtlpAnswer{503, milliseconds(0), ""});
    start({.retry_for = milliseconds(20)});
    take("one");
    ASSERT_TRUE(sender_.wait_requests(2));
    while (dropped("unreachable") == 0) ASSERT_TRUE(sender_.wait_requests(1));
    EXPECT_EQ(exported(), 0);
}

TEST_F(Exporter, StopsInTimeWhateverTheCollectorDoes) {
    for (int i = 0; i < 10'000; ++i) sender_.answer(OtlpAnswer{503, std::chrono::hours(1), ""});
    start({.batch_spans_max = 1});
    take("one");
    ASSERT_TRUE(sender_.wait_requests(1));
    take("two");
    exporter_->stop(milliseconds(0));
    exporter_->stop(milliseconds(0));
    EXPECT_EQ(dropped("shutdown"), 2);
    take("late");
    EXPECT_EQ(dropped("queue_full"), 1);
}

}  // namespace
}  // namespace ledgerline
