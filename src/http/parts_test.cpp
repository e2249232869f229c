// The small parts of the edge on their own: keys, budget, problems, the written head.
#include <gtest/gtest.h>

#include "http/message.h"
#include "http/problem.h"
#include "http/server/api_keys.h"
#include "http/server/byte_budget.h"
#include "http/server/network.h"
#include "http/server/wire.h"

namespace ledgerline::http {
namespace {

const SystemClock kClock;

int status_of(const ApiKeys& keys, std::vector<Header> headers) {
    Request request;
    request.headers = std::move(headers);
    const auto admitted = keys.admit(request, Scope::any);
    return admitted ? 200 : admitted.error().status;
}

TEST(ApiKeys, AreToldApartByTheirFingerprints) {
    const std::vector<std::string> known{"alpha", "beta"};
    const ApiKeys keys(known, kClock);
    const auto fingerprint = [&](const char* key) {
        Request request;
        request.headers = {{"x-api-key", key}};
        return keys.admit(request, Scope::any).value()->id;
    };
    EXPECT_EQ(fingerprint("alpha").size(), 2 * ApiKeys::fingerprint_bytes);
    EXPECT_EQ(fingerprint("alpha"), fingerprint("alpha"));
    EXPECT_NE(fingerprint("alpha"), fingerprint("beta"));
    EXPECT_EQ(ApiKeys({}, kClock).admit(Request{}, Scope::any).value(), nullptr);
}

TEST(ApiKeys, TakeOneWellFormedKey) {
    const std::vector<std::string> known{"alpha", "beta"};
    const ApiKeys keys(known, kClock);
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

TEST(ApiKeys, AreReplacedAllAtOnce) {
    const std::vector<std::string> before{"alpha", "beta"}, after{"beta", "gamma"};
    ApiKeys keys(before, kClock);
    keys.replace(after);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "alpha"}}), 403);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "beta"}}), 200);
    EXPECT_EQ(status_of(keys, {{"x-api-key", "gamma"}}), 200);
}

TEST(ByteBudget, IsNeverExceededAndGivenBack) {
    ByteBudget budget({100});
    {
        ByteBudget::Share first(budget), second(budget);
        EXPECT_TRUE(first.resize(60));
        EXPECT_FALSE(second.resize(41));
        EXPECT_EQ(second.bytes(), 0u);
        EXPECT_TRUE(second.resize(40));
        EXPECT_FALSE(first.resize(61));
        EXPECT_EQ(budget.held(), 100u);
        second.release();
        EXPECT_TRUE(first.resize(100));
        EXPECT_TRUE(first.resize(10));
        ByteBudget::Share moved(std::move(first));
        EXPECT_EQ(budget.held(), 10u);
    }
    EXPECT_EQ(budget.held(), 0u);
}

TEST(ByteBudget, KeepsAPartForSmallShares) {
    ByteBudget budget({.bytes_max = 100, .small_reserve_bytes = 20, .small_bytes_max = 5});
    ByteBudget::Share large(budget), small(budget);
    EXPECT_FALSE(large.resize(81));
    EXPECT_TRUE(large.resize(80));
    EXPECT_TRUE(small.resize(5));
    EXPECT_FALSE(small.resize(6));
}

TEST(ByteBudget, AShareOfNoneTakesEverything) {
    ByteBudget::Share share;
    EXPECT_TRUE(share.resize(1'000'000'000));
}

TEST(Request, GivesTheRoomOfItsBodyBack) {
    ByteBudget budget({1'000'000});
    Request request;
    request.memory = ByteBudget::Share(budget);
    request.body.assign(5'000, 'x');
    ASSERT_TRUE(request.memory.resize(request.body.capacity() + 100));
    request.drop_body();
    EXPECT_EQ(budget.held(), 100u);
    EXPECT_TRUE(request.body.empty());
    EXPECT_LT(request.body.capacity(), 100u);
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

// Echoes of client input take at most 200 bytes, wherever they appear, and remain valid UTF-8.
TEST(Problem, RepeatsLittleOfWhatWasSent) {
    for (const std::string unit : {"a", "\"", "\x01", "\u00e4", "\u20ac", "\U0001F600", "\\"}) {
        std::string long_text;
        while (long_text.size() < 10'000) long_text += unit;
        Problem problem = edge_problem(400, "unknown_field", echo(long_text) + " is not a field.", long_text);
        problem.extensions.emplace_back("text", long_text);
        problem.extensions.emplace_back("list", json::Array{long_text});
        const std::string body = to_response(problem).body;
        ASSERT_TRUE(json::parse(body)) << body;
        EXPECT_TRUE(body.contains("is not a field."));
        for (const std::string_view name : {"\"detail\":\"", "\"field\":\"", "\"text\":\"", "\"list\":[\""}) {
            const auto from = body.find(name) + name.size();
            const auto end = body.find("\u2026", from) + 3;
            EXPECT_LE(end - from, echo_bytes_max) << name << body;
            EXPECT_GE(end - from, echo_bytes_max - 20) << name << body;
        }
    }
    EXPECT_EQ(echo(std::string(echo_bytes_max, 'a')), std::string(echo_bytes_max, 'a'));
    EXPECT_LE(to_response(edge_problem(400, "x", std::string(10'000, 'a'))).body.size(), 600u);
}

TEST(Network, KnowsItsAddresses) {
    const auto within = [](std::string_view network, const char* address) {
        const auto parsed = Network::parse(network);
        EXPECT_TRUE(parsed) << network;
        return parsed && parsed->contains(bytes_of(boost::asio::ip::make_address(address)));
    };
    EXPECT_TRUE(within("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(within("10.0.0.0/8", "11.0.0.1"));
    EXPECT_TRUE(within("10.0.0.0/8", "::ffff:10.1.2.3"));
    EXPECT_TRUE(within("10.0.0.7", "10.0.0.7"));
    EXPECT_FALSE(within("10.0.0.7", "10.0.0.6"));
    EXPECT_TRUE(within("192.168.4.0/22", "192.168.7.255"));
    EXPECT_FALSE(within("192.168.4.0/22", "192.168.8.0"));
    EXPECT_TRUE(within("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(within("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(within("0.0.0.0/0", "1.2.3.4"));
    EXPECT_FALSE(within("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(within("::/0", "1.2.3.4"));
    for (const char* wrong : {"", "10.0.0.0/33", "::/129", "10.0.0/8", "a", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8 "})
        EXPECT_FALSE(Network::parse(wrong)) << wrong;
}

TEST(Network, AClientOfIPv6IsItsNetwork) {
    const auto client = [](const char* address) { return client_of(boost::asio::ip::make_address(address)); };
    EXPECT_EQ(client("2001:db8::1"), client("2001:db8::ffff:0:1"));
    EXPECT_NE(client("2001:db8::1"), client("2001:db8:0:1::1"));
    EXPECT_NE(client("10.0.0.1"), client("10.0.0.2"));
    EXPECT_EQ(client("10.0.0.1"), client("::ffff:10.0.0.1"));
}

TEST(Wire, WritesTheHead) {
    const WallTime time{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + std::chrono::seconds(9 * 3600 + 62)};
    Response response;
    response.status = 201;
    response.body = "{}";
    response.headers = {{"Location", "/a"}};
    EXPECT_EQ(
        wire_head(response, "id", time, std::nullopt),
        "HTTP/1.1 201 Created\r\nDate: Mon, 23 Nov 2026 09:01:02 GMT\r\nX-Request-Id: id\r\n"
        "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 2\r\nLocation: /a\r\n"
        "Connection: close\r\n\r\n");
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
