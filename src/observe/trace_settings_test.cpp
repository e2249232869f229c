// How the OTEL_* variables configure traces, and what is reported about wrong ones.
#include "observe/trace_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace ledgerline {
namespace {

using Variables = std::map<std::string, std::string>;
using testing::HasSubstr;

TraceSettings settings_of(const Variables& variables) {
    return read_trace_settings(
        [&](const char* name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
        },
        "ledgerline-api", "1.2.3");
}

Variables on(Variables more = {}) {
    more.emplace("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    return more;
}

std::string url_of(const Variables& variables) { return settings_of(variables).url; }

std::string resource_of(const Variables& variables) { return settings_of(variables).exporter.resource.json(); }

std::string attribute(const std::string& key, const std::string& value) {
    return R"({"key":")" + key + R"(","value":{"stringValue":")" + value + R"("}})";
}

TEST(TraceSettings, AreOffUnlessAnEndpointIsGiven) {
    EXPECT_EQ(url_of({}), "");
    EXPECT_EQ(url_of({{"OTEL_TRACES_SAMPLER", "always_on"}}), "");
    EXPECT_EQ(url_of({{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}}), "");
    EXPECT_EQ(url_of(on({{"OTEL_SDK_DISABLED", "TRUE"}})), "");
    EXPECT_EQ(url_of(on({{"OTEL_TRACES_EXPORTER", "none"}})), "");
}

TEST(TraceSettings, MakeTheUrlOfTheEndpoint) {
    EXPECT_EQ(url_of(on()), "http://collector:4318/v1/traces");
    EXPECT_EQ(url_of({{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector/base/"}}), "https://collector/base/v1/traces");
    EXPECT_EQ(url_of(on({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other/spans"}})), "http://other/spans");
    EXPECT_EQ(url_of({{"OTEL_TRACES_EXPORTER", "otlp"}}), "http://localhost:4318/v1/traces");
}

TEST(TraceSettings, ReadHeadersTimeoutAndLimits) {
    const auto settings = settings_of(on({{"OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, tenant = 7 ,"},
                                          {"OTEL_EXPORTER_OTLP_TIMEOUT", "2500"},
                                          {"OTEL_BSP_SCHEDULE_DELAY", "50"},
                                          {"OTEL_BSP_MAX_QUEUE_SIZE", "100"},
                                          {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"}}));
    EXPECT_THAT(settings.headers, testing::ElementsAre(testing::Pair("x-key", "a b"), testing::Pair("tenant", "7")));
    EXPECT_EQ(settings.exporter.timeout, milliseconds(2500));
    EXPECT_EQ(settings.exporter.delay, milliseconds(50));
    EXPECT_EQ(settings.exporter.queue_spans_max, 100u);
    EXPECT_EQ(settings.exporter.batch_spans_max, 100u);
    EXPECT_TRUE(settings.warnings.empty());
    const auto for_traces = settings_of(on({{"OTEL_EXPORTER_OTLP_HEADERS", "a=1"},
                                            {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2"},
                                            {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}}));
    EXPECT_THAT(for_traces.headers, testing::ElementsAre(testing::Pair("b", "2")));
    EXPECT_THAT(for_traces.warnings, testing::ElementsAre(HasSubstr("OTEL_EXPORTER_OTLP_COMPRESSION")));
}

TEST(TraceSettings, NameTheService) {
    EXPECT_THAT(resource_of(on()), HasSubstr(attribute("service.name", "ledgerline-api")));
    EXPECT_THAT(resource_of(on()), HasSubstr(attribute("service.version", "1.2.3")));
    const Variables named{{"OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=a%2Cb"}};
    EXPECT_THAT(resource_of(on(named)), HasSubstr(attribute("service.name", "other")));
    EXPECT_THAT(resource_of(on(named)), HasSubstr(attribute("deployment.environment.name", "a,b")));
    Variables twice = named;
    twice["OTEL_SERVICE_NAME"] = "mine";
    EXPECT_THAT(resource_of(on(twice)), HasSubstr(attribute("service.name", "mine")));
    EXPECT_THAT(resource_of(on(twice)), testing::Not(HasSubstr("other")));
}

TEST(TraceSettings, KnowTheSamplers) {
    const auto sampler_of = [](const char* name, const char* argument) {
        const Sampler sampler =
            settings_of(on({{"OTEL_TRACES_SAMPLER", name}, {"OTEL_TRACES_SAMPLER_ARG", argument}})).sampler;
        return std::pair(sampler.ratio, sampler.parent_based);
    };
    EXPECT_EQ(sampler_of("", ""), std::pair(1.0, true));
    EXPECT_EQ(sampler_of("always_on", "0.5"), std::pair(1.0, false));
    EXPECT_EQ(sampler_of("always_off", ""), std::pair(0.0, false));
    EXPECT_EQ(sampler_of("traceidratio", "0.5"), std::pair(0.5, false));
    EXPECT_EQ(sampler_of("parentbased_always_on", ""), std::pair(1.0, true));
    EXPECT_EQ(sampler_of("parentbased_always_off", ""), std::pair(0.0, true));
    EXPECT_EQ(sampler_of("parentbased_traceidratio", "0.01"), std::pair(0.01, true));
}

TEST(TraceSettings, AreOffWithAWarningThatNamesTheVariableThatIsWrong) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"OTEL_SDK_DISABLED", "yes"},
        {"OTEL_TRACES_EXPORTER", "console"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://a"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"},
        {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "secret"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0asecret"},
        {"OTEL_EXPORTER_OTLP_HEADERS", "a=secret%4"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "0"},
        {"OTEL_RESOURCE_ATTRIBUTES", "=a"},
        {"OTEL_TRACES_SAMPLER", "sometimes"},
        {"OTEL_TRACES_EXPORTER", "otlp,console"},
        {"OTEL_BSP_MAX_QUEUE_SIZE", "-1"}};
    const auto expect_off = [](const Variables& variables, const std::string& variable) {
        const TraceSettings settings = settings_of(variables);
        EXPECT_EQ(settings.url, "") << variable;
        ASSERT_EQ(settings.warnings.size(), 1u) << variable;
        EXPECT_THAT(settings.warnings[0], testing::StartsWith("traces are off: " + variable + " must"));
        EXPECT_THAT(settings.warnings[0], testing::Not(HasSubstr("secret")));
    };
    for (const auto& [variable, value] : wrong) expect_off(on({{variable, value}}), variable);
    const std::string argument = "OTEL_TRACES_SAMPLER_ARG", batch = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
    for (const char* ratio : {"1.5", "nan", "-1", "half"})
        expect_off(on({{"OTEL_TRACES_SAMPLER", "traceidratio"}, {argument, ratio}}), argument);
    expect_off(on({{"OTEL_BSP_MAX_QUEUE_SIZE", "10"}, {batch, "11"}}), batch);
}

}  // namespace
}  // namespace ledgerline
