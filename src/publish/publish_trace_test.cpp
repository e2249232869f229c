#include "publish/publish_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/collected_spans.h"

namespace ledgerline::publish {
namespace {

using testing::HasSubstr;

constexpr const char* kSampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr const char* kUnsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

class PublishTraceTest : public testing::Test {
protected:
    Event event(const char* traceparent) {
        Event made;
        made.lane = 3;
        made.seq = ++seq_;
        made.traceparent = traceparent;
        return made;
    }

    std::int64_t seq_ = 0;
    ManualClock clock_;
    SeededRandom random_{1};
    test::CollectedSpans collected_;
    Tracer tracer_{Sampler{}, collected_, clock_, random_};
    bus::MessagingNames names_{.system = "kafka"};
    SpanAttributes attributes_ = bus::messaging_attributes(names_, "publish", "send");
};

TEST_F(PublishTraceTest, TheMessageHangsBelowItsPublishSpan) {
    Event sampled = event(kSampled), unsampled = event(kUnsampled);
    {
        PublishTrace trace(tracer_, names_, attributes_);
        trace.add(unsampled);
        trace.add(sampled);
        trace.begin_round();
        EXPECT_TRUE(trace.context().sampled);
        trace.report(1, "");
        trace.report(0, "");
    }
    EXPECT_EQ(unsampled.traceparent, kUnsampled);
    ASSERT_EQ(collected_.spans.size(), 2u);
    const SpanData &publish = *collected_.spans[0], &round = *collected_.spans[1];
    EXPECT_EQ(sampled.traceparent, publish.context.to_string());
    EXPECT_EQ(publish.parent_id, "b7ad6b7169203331");
    EXPECT_EQ(publish.status, SpanStatus::unset);
    EXPECT_THAT(publish.attributes.json(), HasSubstr(R"("messaging.system","value":{"stringValue":"kafka"})"));
    EXPECT_THAT(publish.attributes.json(), HasSubstr(R"("ledgerline.seq","value":{"intValue":"1"})"));
    EXPECT_EQ(round.parent_id, publish.context.span_id);
    EXPECT_EQ(round.links_count, 1u);
    EXPECT_THAT(round.attributes.json(), HasSubstr(R"("messaging.batch.message_count","value":{"intValue":"2"})"));
}

TEST_F(PublishTraceTest, WhatWasNotDeliveredIsAnError) {
    Event first = event(kSampled), second = event(kSampled);
    PublishTrace trace(tracer_, names_, attributes_);
    trace.add(first);
    trace.add(second);
    trace.begin_round();
    trace.report(0, "");
    trace.report(1, "no room");
    ASSERT_EQ(collected_.spans.size(), 2u);
    EXPECT_EQ(collected_.spans[0]->status, SpanStatus::unset);
    EXPECT_EQ(collected_.spans[1]->status, SpanStatus::error);
}

TEST_F(PublishTraceTest, WhatIsAcknowledgedLateEndsLate) {
    Event first = event(kSampled), second = event(kSampled);
    {
        PublishTrace trace(tracer_, names_, attributes_);
        trace.add(first);
        trace.add(second);
        trace.begin_round();
        trace.report(0, "");
        ASSERT_EQ(collected_.spans.size(), 1u);
        clock_.advance(milliseconds(5000));
        trace.report(1, "the broker is gone");
    }
    ASSERT_EQ(collected_.spans.size(), 3u);
    EXPECT_EQ(collected_.spans[1]->ended_at - collected_.spans[0]->ended_at, milliseconds(5000));
    EXPECT_EQ(collected_.spans[2]->status, SpanStatus::error) << "the round's";
}

TEST_F(PublishTraceTest, WithoutATracerNothingChanges) {
    Event first = event(kSampled);
    PublishTrace trace(Tracer::off(), names_, attributes_);
    trace.add(first);
    trace.begin_round();
    trace.report(0, "");
    EXPECT_EQ(first.traceparent, kSampled);
    EXPECT_FALSE(trace.context().sampled);
}

}  // namespace
}  // namespace ledgerline::publish
