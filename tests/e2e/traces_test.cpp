// One payment is one connected trace, from the request to the applied balance: in one process, and across the roles on
// a real Kafka.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "e2e/program.h"
#include "lab/kafka_broker.h"
#include "lab/otlp_receiver.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kCallerSpan = "00f067aa0ba902b7";
constexpr const char* kRequest = "POST /v1/transactions";
constexpr const char* kPublish = "publish transactions";
constexpr const char* kProcess = "process transactions";
constexpr const char* kWritten = "apply_decide commit";
const std::vector<std::string> kStages{kRequest, "intake",      "intake batch",    kPublish, "publish batch",
                                       kProcess, "apply batch", "publish_advance", kWritten};

class Traces : public testing::Test {
protected:
    Program::Variables variables(Program::Variables more = {}) const {
        more.push_back("OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver_.endpoint());
        more.push_back("OTEL_BSP_SCHEDULE_DELAY=20");
        return more;
    }
    RoleProcess up(const Program::Variables& with) const {
        return RoleProcess({"up", "--database-url", database_.url(), "--listen", "127.0.0.1:0"}, with);
    }

    static std::string new_trace_id() {
        SystemRandom random;
        return fmt::format("{:016x}{:016x}", random.next() | 1, random.next() | 1);
    }
    // The trace id that a payment was made under, once it is settled.
    std::string pay(const RoleProcess& role, const std::string& type = "CREDIT", const char* flags = "01") {
        ApiClient client(role.port());
        if (account_.empty()) account_ = client.open_account();
        const std::string trace_id = new_trace_id();
        const Answer answer = client.post(
            "/v1/transactions", transaction_json(account_, trace_id, 5, type),
            {{"Prefer", "wait=30"}, {"Traceparent", fmt::format("00-{}-{}-{}", trace_id, kCallerSpan, flags)}});
        EXPECT_EQ(answer.status, 201) << answer.text() << answer.error;
        transaction_ = answer.at("id");
        return trace_id;
    }

    // Every span but the request's hangs below another one of the trace.
    static void expect_connected(const ReceivedSpans& spans) {
        std::set<std::string> ids;
        for (const ReceivedSpan& span : spans) ids.insert(span.span_id);
        EXPECT_EQ(ids.size(), spans.size());
        for (const ReceivedSpan& span : spans)
            EXPECT_TRUE(ids.contains(span.parent_id) || (span.name == kRequest && span.parent_id == kCallerSpan))
                << span.name;
    }
    void expect_whole_payment(const ReceivedSpans& spans, const std::string& system) const {
        expect_connected(spans);
        const auto &request = span_named(spans, kRequest), &intake = span_named(spans, "intake"),
                   &publish = span_named(spans, kPublish), &process = span_named(spans, kProcess),
                   &apply = span_named(spans, "apply batch");
        EXPECT_EQ(intake.parent_id, request.span_id);
        EXPECT_EQ(publish.parent_id, intake.span_id);
        EXPECT_EQ(process.parent_id, publish.span_id);
        EXPECT_EQ(apply.parent_id, process.span_id);
        EXPECT_EQ(span_named(spans, kWritten).parent_id, apply.span_id);
        EXPECT_EQ(span_named(spans, "publish_advance").parent_id, span_named(spans, "publish batch").span_id);

        EXPECT_EQ(request.kind, 2);
        EXPECT_EQ(request.attribute("http.route"), "/v1/transactions");
        EXPECT_EQ(request.attribute("http.response.status_code"), "201");
        EXPECT_EQ(publish.kind, 4);
        EXPECT_EQ(process.kind, 5);
        for (const ReceivedSpan* span : {&publish, &process}) {
            EXPECT_EQ(span->attribute("messaging.system"), system);
            EXPECT_EQ(span->attribute("messaging.destination.name"), "transactions");
            EXPECT_EQ(span->attribute("ledgerline.transaction.id"), transaction_);
        }
        EXPECT_THAT(process.links, Contains(apply.link_to_it()));
        EXPECT_THAT(apply.links, Contains(publish.link_to_it()));
        EXPECT_THAT(span_named(spans, "publish batch").links, Contains(publish.link_to_it()));
        EXPECT_THAT(span_named(spans, "intake batch").links, Contains(intake.link_to_it()));
        EXPECT_EQ(span_named(spans, kWritten).attribute("db.system.name"), "postgresql");
        for (const ReceivedSpan& span : spans) EXPECT_EQ(span.status, 0) << span.name;
    }

    OtlpReceiver receiver_;
    const TestDatabase database_;
    std::string account_;
    std::string transaction_;  // of the last payment
};

TEST_F(Traces, OnePaymentIsOneTraceInOneProcess) {
    auto role = up(variables());
    const std::string trace_id = pay(role);
    const auto spans = receiver_.wait_trace(trace_id, kStages);
    expect_whole_payment(spans, "in_process");
    EXPECT_EQ(span_named(spans, kProcess).attribute("ledgerline.outcome"), "processed");
    for (const ReceivedSpan& span : spans) EXPECT_EQ(span.service, "ledgerline");
    EXPECT_EQ(role.stop(), "exit code 0");
}

TEST_F(Traces, OnePaymentIsOneTraceAcrossTheRoles) {
    const auto arguments = [&](const std::string& name) {
        return std::vector<std::string>{
            name,       "--database-url", database_.url(), "--kafka-brokers", KafkaBroker::shared().address(),
            "--listen", "127.0.0.1:0"};
    };
    RoleProcess publisher(arguments("publisher"), variables());
    RoleProcess worker(arguments("worker"), variables());
    RoleProcess api(arguments("api"), variables());
    // A try that fails, because the topic is not there yet, is a span as well.
    for (const RoleProcess* role : {&publisher, &worker})
        ASSERT_TRUE(eventually([&] { return ApiClient(role->port()).get("/readyz").status == 200; })) << role->url();
    const std::string trace_id = pay(api);
    const auto spans = receiver_.wait_trace(trace_id, kStages);
    expect_whole_payment(spans, "kafka");
    EXPECT_EQ(span_named(spans, kRequest).service, "ledgerline-api");
    EXPECT_EQ(span_named(spans, kPublish).service, "ledgerline-publisher");
    EXPECT_EQ(span_named(spans, kProcess).service, "ledgerline-worker");
    EXPECT_NE(span_named(spans, kProcess).attribute("messaging.kafka.offset"), "missing");
    EXPECT_EQ(span_named(spans, kProcess).attribute("messaging.consumer.group.name"), "transaction-workers");
    // The same id finds the payment in the log of each role.
    for (RoleProcess* role : {&api, &publisher, &worker})
        EXPECT_TRUE(eventually([&] { return role->program().output().contains(trace_id); })) << role->url();
}

TEST_F(Traces, ARefusalIsAnOutcomeAndNoError) {
    const auto role = up(variables());
    const std::string trace_id = pay(role, "DEBIT");
    const auto spans = receiver_.wait_trace(trace_id, kStages);
    EXPECT_EQ(span_named(spans, kProcess).attribute("ledgerline.outcome"), "refused");
    EXPECT_EQ(span_named(spans, kProcess).attribute("ledgerline.failure.code"), "insufficient_balance");
    for (const ReceivedSpan& span : spans) EXPECT_EQ(span.status, 0) << span.name;
}

TEST_F(Traces, CallersDecideWhatIsSampled) {
    const auto role = up(variables());
    const std::string unsampled = pay(role, "CREDIT", "00");
    const std::string sampled = pay(role);
    receiver_.wait_trace(sampled, kStages);
    EXPECT_THAT(receiver_.trace(unsampled), IsEmpty());
}

TEST_F(Traces, ACollectorThatIsAwayCostsNothingButSpans) {
    auto role = up({"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY=20"});
    pay(role);
    EXPECT_EQ(role.stop(), "exit code 0");
    EXPECT_THAT(role.program().output(), HasSubstr("the collector does not take spans"));
}

TEST_F(Traces, AWrongVariableIsNamedAndStopsNoPayment) {
    Program program({"up", "--database-url", database_.url(), "--listen", "127.0.0.1:0"},
                    variables({"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}));
    EXPECT_TRUE(program.prints("ledgerline is ready"));
    EXPECT_THAT(program.output(), HasSubstr("OTEL_EXPORTER_OTLP_PROTOCOL must be http/json"));
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait_outcome(), "exit code 0");
}

}  // namespace
}  // namespace ledgerline::test
