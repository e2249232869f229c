// The operators' calls and the edge of HTTP, as a stranger sees them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "e2e/stranger.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Operations = Stranger;

constexpr const char* kNobody = "00000000-0000-7000-8000-000000000000";
constexpr std::size_t kBodyBytesMax = 64 * 1024;

TEST_F(Operations, HealthCallsSayThatAllIsWell) {
    EXPECT_EQ(get("/health").at("status"), "ok");
    EXPECT_EQ(get("/livez").at("status"), "alive");
    EXPECT_EQ(get("/readyz").at("status"), "ready");
}

TEST_F(Operations, MetricsCountRequests) {
    post("/v1/accounts", R"({"currency":"EUR"})");
    const Answer metrics = get("/metrics");
    EXPECT_EQ(metrics.status, 200);
    EXPECT_THAT(metrics.header("content-type"), StartsWith("text/plain; version=0.0.4"));
    ASSERT_TRUE(metrics.body.if_string());
    const std::string& text = *metrics.body.if_string();
    for (const char* line : {"# TYPE http_requests_total counter", "# TYPE http_request_duration_seconds histogram",
                             R"(http_requests_total{method="POST",route="create_account",status="201"})"})
        EXPECT_TRUE(text.contains(line)) << line;
}

TEST_F(Operations, LanesShowCursorsThatNeverOvertake) {
    const Answer lanes = get("/v1/lanes");
    ASSERT_EQ(lanes.status, 200);
    const json::Array& all = *lanes.body.find("lanes")->if_array();
    ASSERT_FALSE(all.empty());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(member(all[i], "lane"), std::to_string(i));
        EXPECT_LE(*all[i].find("published_seq")->if_int64(), *all[i].find("last_seq")->if_int64());
        EXPECT_LE(*all[i].find("applied_seq")->if_int64(), *all[i].find("last_seq")->if_int64());
        EXPECT_NE(member(all[i], "owner"), "missing");
        EXPECT_NE(member(all[i], "oldest_waiting_age_ms"), "missing");
    }
}

TEST_F(Operations, DeadLettersAreListedAndUnknownOnesNotFound) {
    const Answer letters = get("/v1/dead-letters?state=PARKED&limit=5");
    EXPECT_EQ(letters.status, 200);
    EXPECT_EQ(letters.at("limit"), "5");
    EXPECT_TRUE(letters.body.find("dead_letters") && letters.body.find("dead_letters")->if_array());
    const std::string path = std::string("/v1/dead-letters/") + kNobody;
    for (const Answer& answer : {get(path), call("POST", path + "/replay"), call("POST", path + "/discard")}) {
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.code(), "dead_letter_not_found");
    }
}

// Every path and method of the document is served: nobody answers 404 route_not_found or 405.
TEST_F(Operations, TheDocumentTellsTheTruthAboutItsPaths) {
    const Answer document = get("/openapi.json");
    ASSERT_EQ(document.status, 200);
    EXPECT_THAT(document.at("openapi"), StartsWith("3.1"));
    for (const auto& [template_path, item] : *document.body.find("paths")->if_object()) {
        std::string path = template_path;
        if (const auto at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, kNobody);
        if (const auto at = path.find("{code}"); at != std::string::npos) path.replace(at, 6, "account_not_found");
        for (const auto& [method, operation] : *item.if_object()) {
            if (!operation.find("operationId")) continue;
            std::string name = method;
            for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            const Answer answer = call(name, path, name == "GET" ? "" : "{}");
            EXPECT_NE(answer.status, 405) << name << ' ' << path;
            EXPECT_NE(answer.code(), "route_not_found") << name << ' ' << path;
            EXPECT_TRUE(operation.find("responses")->find(std::to_string(answer.status)))
                << name << ' ' << path << ' ' << answer.status;
        }
    }
}

TEST_F(Operations, EveryAnswerNamesItsRequest) {
    const Answer own = call("GET", "/health", "", {{"X-Request-Id", "my-request-1"}});
    EXPECT_EQ(own.header("x-request-id"), "my-request-1");
    std::set<std::string> ids;
    for (const char* target : {"/health", "/v1/lanes", "/nowhere", "/v1/transactions?limit=0"})
        EXPECT_TRUE(ids.insert(get(target).header("x-request-id")).second) << target;
    EXPECT_FALSE(ids.contains(""));
}

TEST_F(Operations, ErrorsAreProblemDocuments) {
    struct Case {
        const char* method;
        const char* target;
        const char* body;
        std::vector<http::Header> headers;
        int status;
        const char* code;
    };
    const Case cases[] = {
        {"GET", "/nowhere", "", {}, 404, "route_not_found"},
        {"GET", "/v1/transactions/", "", {}, 404, "route_not_found"},
        {"DELETE", "/v1/accounts", "", {}, 405, "method_not_allowed"},
        {"PUT", "/v1/transactions", "{}", {}, 405, "method_not_allowed"},
        {"POST", "/v1/accounts", "currency=EUR", {{"Content-Type", "text/plain"}}, 415, "unsupported_media_type"},
        {"POST", "/v1/accounts", "", {}, 400, "invalid_json"},
        {"POST", "/v1/accounts", "\xff", {}, 400, "invalid_json"},
        {"POST", "/v1/transactions", "{\"a\":1", {}, 400, "invalid_json"}};
    for (const auto& [method, target, body, headers, status, code] : cases) {
        const Answer answer = call(method, target, body, headers);
        EXPECT_EQ(answer.status, status) << method << ' ' << target;
        EXPECT_EQ(answer.code(), code) << method << ' ' << target;
        EXPECT_EQ(answer.header("content-type"), "application/problem+json") << method << ' ' << target;
        for (const char* name : {"type", "title", "detail"}) EXPECT_NE(answer.at(name), "missing") << name;
    }
    EXPECT_THAT(call("DELETE", "/v1/accounts").header("allow"), testing::AllOf(HasSubstr("GET"), HasSubstr("POST")));
    EXPECT_EQ(
        post("/v1/accounts", R"({"currency":"EUR"})", {{"Content-Type", "application/json; charset=utf-8"}}).status,
        201);
    EXPECT_EQ(post("/v1/transactions", std::string(kBodyBytesMax + 1, ' ')).status, 413);
}

TEST_F(Operations, TheEdgeRefusesWhatProxiesDisagreeAbout) {
    const std::string head = "POST /v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for (const std::string& bytes :
         {std::string("GET /health HTTP/1.1\r\n\r\n"),
          std::string("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
          std::string("GET /health HTTP/1.1\nHost: a\n\n"),
          std::string("GET /health HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
          head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", head + "Content-Length: +2\r\n\r\n{}",
          head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
          head + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"}) {
        const std::string answer = raw(bytes);
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << bytes;
    }
    EXPECT_THAT(raw(head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
                StartsWith("HTTP/1.1 501 Not Implemented\r\n"));
    const std::string chunked = raw(head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n12\r\n" +
                                    R"({"currency":"EUR"})" + "\r\n0\r\n\r\n");
    EXPECT_THAT(chunked, StartsWith("HTTP/1.1 201 "));
}

}  // namespace
}  // namespace ledgerline::test
