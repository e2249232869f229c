// The log line of each answer.
#include <fmt/format.h>

#include "http/server/edge_fixture.h"
#include "observe/log.h"

namespace ledgerline::http {
namespace {

class AccessLog : public EdgeTest {
protected:
    AccessLog() {
        log::configure(log::Level::info, log::Format::json, "test");
        for (const char* name : {"health", "livez", "readyz", "metrics", "stats"})
            router.add({.method = "GET",
                        .pattern = std::string("/") + name,
                        .name = name,
                        .handler = [](const Request& request) { return echo(request); },
                        .scope = Scope::open});
        for (const int status : {201, 422})
            router.add({.method = "POST",
                        .pattern = fmt::format("/pay/{}", status),
                        .name = "pay",
                        .handler = [status](const Request&) -> boost::asio::awaitable<Response> {
                            Response response;
                            response.status = status;
                            co_return response;
                        },
                        .scope = Scope::any,
                        .is_payment = true});
    }
    ~AccessLog() override { log::configure(log::Level::info, log::default_format(), "ledgerline"); }

    // The log lines that these requests produce, in order.
    std::vector<json::Value> lines_of(const std::vector<std::string>& requests) {
        testing::internal::CaptureStderr();
        for (const std::string& request : requests) EXPECT_TRUE(answer_to(request));
        EXPECT_TRUE(log::flush(std::chrono::seconds(30)));
        std::vector<json::Value> lines;
        std::string text = testing::internal::GetCapturedStderr();
        for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
            auto line = json::parse(text.substr(0, end));
            EXPECT_TRUE(line) << text;
            if (line && member(*line, "message") == R"("request answered")") lines.push_back(std::move(*line));
        }
        return lines;
    }

    static std::string member(const json::Value& line, std::string_view name) {
        const json::Value* found = line.find(name);
        return found ? json::serialize(*found) : "missing";
    }
};

TEST_F(AccessLog, ClientsRequestsAreFoundByTheirTraceAtTheDefaultLevel) {
    start();
    const std::string trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const auto lines =
        lines_of({get("/echo/a", "X-Request-Id: mine\r\nTraceparent: 00-" + trace_id + "-00f067aa0ba902b7-01\r\n")});
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(member(lines[0], "level"), R"("info")");
    EXPECT_EQ(member(lines[0], "request_id"), R"("mine")");
    EXPECT_EQ(member(lines[0], "trace_id"), '"' + trace_id + '"');
    EXPECT_EQ(member(lines[0], "method"), R"("GET")");
    EXPECT_EQ(member(lines[0], "route"), R"("echo")");
    EXPECT_EQ(member(lines[0], "status"), "200");
    EXPECT_GE(std::stod(member(lines[0], "duration_ms")), 0);
}

TEST_F(AccessLog, RefusalsAreTheClientsAndExceptionsAreOurs) {
    start();
    const auto lines = lines_of({get("/nowhere"), get("/throw")});
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(member(lines[0], "level"), R"("info")");
    EXPECT_EQ(member(lines[0], "route"), R"("none")");
    EXPECT_EQ(member(lines[1], "level"), R"("error")");
}

// Unknown clients may send any number of requests.
TEST_F(AccessLog, AFloodOfRefusalsIsCounted) {
    config.api_keys = {"key"};
    start();
    constexpr std::size_t sent = 2000;
    std::vector<std::string> flood;
    for (std::size_t i = 0; i < sent / 2; ++i) {
        flood.push_back(get("/echo/a"));
        flood.push_back(get("/echo/a", "X-API-Key: wrong\r\n"));
    }
    const auto began = std::chrono::steady_clock::now();
    const auto lines = lines_of(flood);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
    // Of two codes, on two threads.
    EXPECT_LE(lines.size(), static_cast<std::size_t>(2 * 2 * (seconds + 1)));
    EXPECT_GE(lines.size(), 2u);
    const std::string text = metrics.to_text();
    EXPECT_TRUE(text.contains(R"(http_rejected_total{reason="unauthorized"} 1000)"));
    EXPECT_TRUE(text.contains(R"(http_rejected_total{reason="forbidden"} 1000)"));
}

TEST_F(AccessLog, PaymentsThatSucceedAreThereOnDemand) {
    const std::vector<std::string> payments{post("/pay/201", ""), post("/pay/422", "")};
    start();
    const auto refused = lines_of(payments);
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(member(refused[0], "status"), "422");
    log::configure(log::Level::debug, log::Format::json, "test");
    EXPECT_EQ(lines_of(payments).size(), 2u);
    EXPECT_TRUE(metrics.to_text().contains(R"(http_requests_total{method="POST",route="pay",status="201"} 2)"));
}

TEST_F(AccessLog, PaymentsAreLoggedLikeOthersIfAskedFor) {
    config.log_payments = true;
    start();
    EXPECT_EQ(lines_of({post("/pay/201", ""), post("/pay/422", "")}).size(), 2u);
}

TEST_F(AccessLog, ProbesAreOnlyThereAtDebug) {
    start();
    const std::vector<std::string> probes{get("/health"), get("/livez"), get("/readyz"), get("/metrics"),
                                          get("/stats")};
    EXPECT_TRUE(lines_of(probes).empty());
    log::configure(log::Level::debug, log::Format::json, "test");
    EXPECT_EQ(lines_of(probes).size(), probes.size());
}

}  // namespace
}  // namespace ledgerline::http
