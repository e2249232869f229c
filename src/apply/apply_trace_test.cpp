#include "apply/apply_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apply/apply_probe.h"
#include "lab/collected_spans.h"

namespace ledgerline::apply {
namespace {

using testing::HasSubstr;

constexpr const char* kSampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr const char* kUnsampled = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-00";

class ApplyTraceTest : public testing::Test {
protected:
    ApplyTraceTest() { lane_.load({.lane = 3}); }

    void take(const char* traceparent) {
        Announcement announcement{3, ++seq_, ids_.next(), {}, traceparent};
        bus::Incoming incoming{"transactions", 3, 40 + seq_, {}};
        ASSERT_EQ(lane_.take(announcement, incoming), Lane::Claim::next);
    }
    std::vector<Applied> outcomes() {
        std::vector<Applied> made(lane_.pending().size());
        for (Applied& each : made) each.event.transaction_id = ids_.next();
        return made;
    }
    std::unique_ptr<ApplyTrace> start(const char* name = "apply batch") {
        return std::make_unique<ApplyTrace>(tracer_, names_, attributes_,
                                            ApplyTrace::Try{lane_, lane_.pending().size(), name});
    }

    std::int64_t seq_ = 0;
    ManualClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    test::CollectedSpans collected_;
    Tracer tracer_{Sampler{}, collected_, clock_, random_};
    bus::MessagingNames names_{.system = "kafka"};
    SpanAttributes attributes_ = bus::messaging_attributes(names_, "process", "process");
    Lane lane_{3, Backoff({}, random_)};
};

TEST_F(ApplyTraceTest, EachMemberIsProcessedBelowItsMessageAndLinksTheBatch) {
    take(kUnsampled);
    take(kSampled);
    take(kSampled);
    auto trace = start();
    const TraceContext batch = trace->context();
    EXPECT_TRUE(batch.sampled);
    auto applied = outcomes();
    applied[2].posting.refusal = Refusal::insufficient_balance;
    trace->applied(applied);
    ASSERT_EQ(collected_.spans.size(), 3u);
    const SpanData &first = *collected_.spans[0], &second = *collected_.spans[1], &whole = *collected_.spans[2];
    for (const SpanData* span : {&first, &second}) {
        EXPECT_EQ(span->kind, SpanKind::consumer);
        EXPECT_EQ(span->parent_id, "b7ad6b7169203331");
        EXPECT_THAT(span->links, HasSubstr(std::string(batch.span_id)));
        EXPECT_EQ(span->status, SpanStatus::unset);
    }
    EXPECT_THAT(first.attributes.json(), HasSubstr(R"("messaging.kafka.offset","value":{"intValue":"42"})"));
    EXPECT_THAT(first.attributes.json(), HasSubstr(R"("ledgerline.outcome","value":{"stringValue":"processed"})"));
    EXPECT_THAT(second.attributes.json(), HasSubstr(R"({"stringValue":"refused"})"));
    EXPECT_THAT(second.attributes.json(), HasSubstr(R"({"stringValue":"insufficient_balance"})"));
    EXPECT_EQ(whole.name, "apply batch");
    EXPECT_EQ(whole.parent_id, first.context.span_id);
    EXPECT_EQ(whole.links_count, 2u);
}

TEST_F(ApplyTraceTest, AMessageWithoutATraceTakesTheAcceptedRows) {
    take("");
    auto trace = start();
    EXPECT_FALSE(trace->context().sampled);
    auto applied = outcomes();
    applied[0].event.traceparent = kSampled;
    trace->applied(applied);
    ASSERT_EQ(collected_.spans.size(), 1u);
    EXPECT_EQ(collected_.spans[0]->context.trace_id, "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(ApplyTraceTest, AFailedTryLeavesTheErrorWithItsFirstMember) {
    take(kSampled);
    take(kSampled);
    start()->failed({Disposition::retry, "40001", "could not serialize"});
    ASSERT_EQ(collected_.spans.size(), 2u);
    for (const auto& span : collected_.spans) {
        EXPECT_EQ(span->status, SpanStatus::error);
        EXPECT_THAT(span->attributes.json(), HasSubstr(R"("error.type","value":{"stringValue":"40001"})"));
        EXPECT_THAT(span->events, HasSubstr("exception"));
    }
}

TEST_F(ApplyTraceTest, ADeadLetterIsAnErrorWithItsId) {
    take(kSampled);
    const ParkedEvent letter{ids_.next(), lane_.pending()[0].ref, {}, "permanent", "23514", "a check failed", 1, {}, 0};
    start("park event")->parked(letter);
    ASSERT_EQ(collected_.spans.size(), 2u);
    EXPECT_EQ(collected_.spans[0]->status, SpanStatus::error);
    EXPECT_THAT(collected_.spans[0]->events, HasSubstr(letter.letter_id.to_string()));
    EXPECT_THAT(collected_.spans[0]->attributes.json(), HasSubstr("dead_letter"));
}

TEST_F(ApplyTraceTest, NobodySampledLeavesNothing) {
    take(kUnsampled);
    auto trace = start();
    EXPECT_FALSE(trace->context().sampled);
    trace->applied(outcomes());
    EXPECT_TRUE(collected_.spans.empty());
}

TEST_F(ApplyTraceTest, OutcomesAreCountedByCurrencyTypeAndOutcome) {
    Metrics metrics("test");
    ApplyProbe probe(names_, clock_, metrics, tracer_);
    std::vector<Applied> outcomes(4);
    for (Applied& each : outcomes) {
        each.event.currency = "EUR";
        each.event.amount_cents = 250;
        each.event.occurred_at = clock_.wall_now();
    }
    outcomes[1].posting.refusal = Refusal::insufficient_balance;
    outcomes[2].event.currency = "???";
    outcomes[3].event.currency = "!!!";
    clock_.advance(std::chrono::milliseconds(40));
    probe.applied(outcomes, std::chrono::milliseconds(5));
    const auto labels = [](const char* currency, const char* outcome) {
        return prometheus::Labels{{"currency", currency}, {"type", "CREDIT"}, {"outcome", outcome}};
    };
    EXPECT_EQ(metrics.transactions_total.Add(labels("EUR", "processed")).Value(), 1);
    EXPECT_EQ(metrics.transactions_total.Add(labels("EUR", "failed")).Value(), 1);
    EXPECT_EQ(metrics.transactions_amount_cents_total.Add(labels("EUR", "processed")).Value(), 250);
    EXPECT_EQ(metrics.transactions_total.Add(labels("other", "processed")).Value(), 2);
    EXPECT_EQ(metrics.transactions_total.Add(labels("???", "processed")).Value(), 0);
    const auto waits = metrics.end_to_end_seconds.Collect().histogram;
    EXPECT_EQ(waits.sample_count, 4u);
    EXPECT_NEAR(waits.sample_sum, 0.16, 1e-6);
}

}  // namespace
}  // namespace ledgerline::apply
