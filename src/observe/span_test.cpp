// Spans in OTLP's JSON form, and which are sampled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "lab/collected_spans.h"
#include "observe/otlp_json.h"
#include "observe/tracer.h"

namespace ledgerline {
namespace {

const TraceContext kCaller{TraceId("4bf92f3577b34da6a3ce929d0e0e4736"), SpanId("00f067aa0ba902b7"), true};
const TraceContext kUnsampled{kCaller.trace_id, kCaller.span_id, false};

class Spans : public testing::Test {
protected:
    ManualClock clock_;
    SeededRandom random_{1};
    test::CollectedSpans collected_;
    Tracer tracer_{Sampler{}, collected_, clock_, random_};
};

TEST_F(Spans, AreEncodedAsOtlpWantsThem) {
    Span span = tracer_.start(SpanKind::producer, "publish transactions", kCaller);
    span.set("messaging.system", "kafka").set("messaging.batch.message_count", 3).set("ledgerline.replayed", true);
    span.set("text", "a \"quoted\"\n\xc3\xa9 and \xff");
    clock_.advance(std::chrono::microseconds(1500));
    span.add_event("retry", SpanAttributes().add("delay_ms", 20));
    span.link({TraceId("0af7651916cd43dd8448eb211c80319c"), SpanId("b7ad6b7169203331"), true});
    span.link(kUnsampled);
    span.fail("40001", "could not serialize");
    const std::string id(span.context().span_id);
    span.end();
    span.end();
    ASSERT_EQ(collected_.spans.size(), 1u);
    EXPECT_EQ(encode_otlp(collected_.spans, SpanAttributes().add("service.name", "test"), "1.2.3"),
              R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"test"}}]},)"
              R"("scopeSpans":[{"scope":{"name":"ledgerline","version":"1.2.3"},"spans":[)"
              R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":")" +
                  id +
                  R"(","parentSpanId":"00f067aa0ba902b7","flags":1,"name":"publish transactions","kind":4,)"
                  R"("startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000001500000","attributes":[)"
                  R"({"key":"messaging.system","value":{"stringValue":"kafka"}},)"
                  R"({"key":"messaging.batch.message_count","value":{"intValue":"3"}},)"
                  R"({"key":"ledgerline.replayed","value":{"boolValue":true}},)"
                  R"({"key":"text","value":{"stringValue":"a \"quoted\"\n?? and ?"}},)"
                  R"({"key":"error.type","value":{"stringValue":"40001"}}],"events":[)"
                  R"({"timeUnixNano":"1700000000001500000","name":"retry","attributes":[)"
                  R"({"key":"delay_ms","value":{"intValue":"20"}}]},)"
                  R"({"timeUnixNano":"1700000000001500000","name":"exception","attributes":[)"
                  R"({"key":"exception.type","value":{"stringValue":"40001"}},)"
                  R"({"key":"exception.message","value":{"stringValue":"could not serialize"}}]}],"links":[)"
                  R"({"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}],)"
                  R"("status":{"code":2,"message":"could not serialize"}}]}]}]})");
}

TEST_F(Spans, WithoutACallerHaveNoParent) {
    tracer_.start(SpanKind::server, "a", std::nullopt).end();
    tracer_.start(SpanKind::server, "b", std::nullopt).end();
    const std::string body = encode_otlp(collected_.spans, {}, "");
    EXPECT_THAT(body, testing::Not(testing::HasSubstr("parentSpanId")));
    EXPECT_TRUE(json::parse(body));
    EXPECT_NE(collected_.spans[0]->context.trace_id, collected_.spans[1]->context.trace_id);
    EXPECT_NE(collected_.spans[0]->context.span_id, collected_.spans[1]->context.span_id);
}

TEST_F(Spans, KeepValidTextAndCutLongOnes) {
    Span span = tracer_.start(SpanKind::internal, "a", std::nullopt);
    span.set("accents", "\xc3\xa9").set("long", std::string(5000, 'x'));
    span.end();
    const std::string body = encode_otlp(collected_.spans, {}, "");
    EXPECT_THAT(body, testing::HasSubstr("\xc3\xa9"));
    EXPECT_THAT(body, testing::HasSubstr(std::string(SpanAttributes::text_chars_max, 'x') + '"'));
}

TEST_F(Spans, HaveAnEndNotBeforeTheirBeginning) {
    Span span = tracer_.start(SpanKind::internal, "a", std::nullopt);
    span.end_at(clock_.wall_now() - std::chrono::seconds(5));
    EXPECT_EQ(collected_.spans.at(0)->ended_at, collected_.spans.at(0)->begun_at);
}

TEST_F(Spans, CountTheLinksThatAreTooMany) {
    Span span = tracer_.start(SpanKind::internal, "a", std::nullopt);
    for (unsigned i = 0; i < SpanData::links_max + 3; ++i) span.link(kCaller);
    span.end();
    EXPECT_EQ(collected_.spans.at(0)->links_count, SpanData::links_max);
    EXPECT_EQ(collected_.spans.at(0)->links_dropped, 3u);
}

TEST_F(Spans, EndWhenTheyGoAndNotWhenDropped) {
    {
        const Span span = tracer_.start(SpanKind::internal, "a", std::nullopt);
    }
    EXPECT_EQ(collected_.spans.size(), 1u);
    {
        Span span = tracer_.start(SpanKind::internal, "b", std::nullopt);
        span.drop();
    }
    EXPECT_EQ(collected_.spans.size(), 1u);
    Span first = tracer_.start(SpanKind::internal, "c", std::nullopt);
    first = tracer_.start(SpanKind::internal, "d", std::nullopt);
    ASSERT_EQ(collected_.spans.size(), 2u);
    EXPECT_EQ(collected_.spans[1]->name, "c");
}

TEST_F(Spans, BelowOneThatIsNotSampledAreNotRecorded) {
    Span span = tracer_.start(SpanKind::server, "a", kUnsampled);
    EXPECT_FALSE(span.recording());
    EXPECT_FALSE(span.context().sampled);
    EXPECT_EQ(span.context().trace_id, kCaller.trace_id);
    Span below = tracer_.start_below(span.context(), SpanKind::client, "b");
    EXPECT_FALSE(below.recording());
    span.set("a", 1).fail("b", "c");
    span.end();
    EXPECT_TRUE(collected_.spans.empty());
}

TEST_F(Spans, OfABatchLieInTheFirstMembersTraceAndLinkAll) {
    struct Item {
        std::string traceparent;
    };
    const TraceContext other{TraceId("0af7651916cd43dd8448eb211c80319c"), SpanId("b7ad6b7169203331"), true};
    const std::vector<Item> items{
        {kUnsampled.to_string()}, {kCaller.to_string()}, {kCaller.to_string()}, {""}, {"nonsense"},
        {other.to_string()}};
    Span span = tracer_.start_batch("batch", items, &Item::traceparent);
    EXPECT_EQ(span.context().trace_id, kCaller.trace_id);
    span.end();
    EXPECT_EQ(collected_.spans.at(0)->parent_id, kCaller.span_id);
    EXPECT_EQ(collected_.spans.at(0)->links_count, 2u);
    EXPECT_FALSE(tracer_.start_batch("batch", std::vector<Item>{{kUnsampled.to_string()}}, &Item::traceparent)
                     .context()
                     .sampled);
}

TEST(TracerOff, HandsContextsOnAsTheyCame) {
    Tracer& off = Tracer::off();
    EXPECT_FALSE(off.enabled());
    EXPECT_EQ(off.start(SpanKind::server, "a", kCaller).context(), kCaller);
    const TraceContext begun = off.start(SpanKind::server, "a", std::nullopt).context();
    EXPECT_FALSE(begun.sampled);
    EXPECT_TRUE(TraceContext::parse(begun.to_string()));
    EXPECT_NE(off.start(SpanKind::server, "a", std::nullopt).context().trace_id, begun.trace_id);
}

TEST(Samplers, FollowTheCallerOrNot) {
    const TraceContext *yes = &kCaller, *no = &kUnsampled;
    const TraceId& id = kCaller.trace_id;
    EXPECT_TRUE((Sampler{1, false}.samples(no, id)));
    EXPECT_FALSE((Sampler{0, false}.samples(yes, id)));
    EXPECT_TRUE((Sampler{0, true}.samples(yes, id)));
    EXPECT_FALSE((Sampler{1, true}.samples(no, id)));
    EXPECT_TRUE((Sampler{1, true}.samples(nullptr, id)));
    EXPECT_FALSE((Sampler{0, true}.samples(nullptr, id)));
}

TEST(Samplers, TakeTheirShareByTheTraceIdAlone) {
    const TraceId low("ffffffffffffffff0000000000000001"), high("0000000000000001fffffffffffffff0");
    EXPECT_TRUE((Sampler{0.001, false}.samples(nullptr, low)));
    EXPECT_FALSE((Sampler{0.999, false}.samples(nullptr, high)));

    SeededRandom random(7);
    test::CollectedSpans collected;
    ManualClock clock;
    Tracer tracer(Sampler{0.25, true}, collected, clock, random);
    for (int i = 0; i < 10'000; ++i) tracer.start(SpanKind::server, "a", std::nullopt);
    EXPECT_NEAR(static_cast<double>(collected.spans.size()), 2500, 250);
}

TEST(TraceScopes, Nest) {
    EXPECT_EQ(TraceScope::current(), nullptr);
    const TraceScope outer(kCaller);
    {
        const TraceScope inner(kUnsampled);
        EXPECT_FALSE(TraceScope::current()->sampled);
    }
    EXPECT_EQ(*TraceScope::current(), kCaller);
}

}  // namespace
}  // namespace ledgerline
