// The small parts of the edge by themselves: keys, budget, problems, the written head.
#include <gtest/gtest.h>

#include "http/api_keys.h"
#include "http/byte_budget.h"
#include "http/problem.h"
#include "http/wire.h"

namespace ledgerline::http {
namespace {

int status_of(const ApiKeys& keys, std::vector<Header> headers) {
    Request request;
    request.headers = std::move(headers);
    const auto admitted = keys.admit(request);
    return admitted ? 200 : admitted.error().status;
}

TEST(ApiKeys, AreToldApartByTheirFingerprints) {
    const std::vector<std::string> known{"alpha", "beta"};
    const ApiKeys keys(known);
    const auto fingerprint = [&](const char* key) {
        Request request;
        request.headers = {{"x-api-key", key}};
        return keys.admit(request).value_or("");
    };
    EXPECT_EQ(fingerprint("alpha").size(), 2 * ApiKeys::fingerprint_bytes);
    EXPECT_EQ(fingerprint("alpha"), fingerprint("alpha"));
    EXPECT_NE(fingerprint("alpha"), fingerprint("beta"));
    EXPECT_EQ(ApiKeys({}).admit(Request{}).value_or("none"), "");
}

TEST(ApiKeys, TakeOneWellFormedKey) {
    const std::vector<std::string> known{"alpha", "beta"};
    const ApiKeys keys(known);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "alpha"}}), 200);
    EXPECT_EQ(status_of(keys, {{"authorization", "Bearer beta"}}), 200);
    EXPECT_EQ(status_of(keys, {{"authorization", "BEARER   beta"}}), 200);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "alpha"}, {"authorization", "Basic x"}}), 200);
    for (const char* wrong : {"alph", "alphaa", "Alpha", "gamma"})
        EXPECT_EQ(status_of(keys, {{"x-api-key", wrong}}), 403) << wrong;
    EXPECT_EQ(status_of(keys, {}), 401);
    EXPECT_EQ(status_of(keys, {{"x-api-key", ""}}), 401);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "al pha"}}), 401);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "alpha"}, {"x-api-key", "alpha"}}), 401);
    for (const char* malformed : {"", "Bearer", "Bearer ", "Bearerbeta", "Basic beta", "beta", "Bearer be ta"})
        EXPECT_EQ(status_of(keys, {{"authorization", malformed}}), 401) << malformed;
}

TEST(ByteBudget, IsNeverExceededAndGivenBack) {
    ByteBudget budget(100);
    {
        ByteBudget::Share first(budget), second(budget);
        EXPECT_TRUE(first.grow_to(60));
        EXPECT_FALSE(second.grow_to(41));
        EXPECT_TRUE(second.grow_to(40));
        EXPECT_FALSE(first.grow_to(61));
        EXPECT_EQ(budget.held(), 100u);
        second.release();
        EXPECT_TRUE(first.grow_to(100));
    }
    EXPECT_EQ(budget.held(), 0u);
}

TEST(Problem, IsAProblemDocument) {
    Problem problem = edge_problem(409, "reference_taken", "Said \"so\".", "reference");
    problem.retry_after_seconds = 7;
    problem.extensions.emplace_back("account_id", "x");
    const Response response = to_response(problem);
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(response.problem_code, "reference_taken");
    EXPECT_EQ(response.headers, (std::vector<Header>{{"Retry-After", "7"}}));
    EXPECT_EQ(response.body,
              R"({"type":"/problems/reference_taken","title":"Conflict","status":409,"code":"reference_taken",)"
              R"("detail":"Said \"so\".","field":"reference","account_id":"x"})");
}

TEST(Wire, WritesTheHead) {
    const WallTime time{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + std::chrono::seconds(9 * 3600 + 62)};
    Response response;
    response.status = 201;
    response.body = "{}";
    response.headers = {{"Location", "/a"}};
    EXPECT_EQ(wire_head(response, "id", time, std::nullopt),
              "HTTP/1.1 201 Created\r\nDate: Mon, 23 Nov 2026 09:01:02 GMT\r\nX-Request-Id: id\r\n"
              "Content-Type: application/json\r\nContent-Length: 2\r\nLocation: /a\r\nConnection: close\r\n\r\n");
    response.status = 204;
    const std::string empty = wire_head(response, "id", time, milliseconds(7900));
    EXPECT_FALSE(empty.contains("Content-Length"));
    EXPECT_TRUE(empty.ends_with("Connection: keep-alive\r\nKeep-Alive: timeout=7\r\n\r\n"));
}

TEST(Wire, RefusesWhatWouldForgeAHeader) {
    Response response;
    EXPECT_TRUE(is_writable(response));
    response.headers = {{"A", "b\r\nC: d"}};
    EXPECT_FALSE(is_writable(response));
    response.headers = {{"A b", "c"}};
    EXPECT_FALSE(is_writable(response));
    response.headers = {};
    response.status = 100;
    EXPECT_FALSE(is_writable(response));
}

}  // namespace
}  // namespace ledgerline::http
