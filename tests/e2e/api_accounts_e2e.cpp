// Accounts, as a stranger sees them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "e2e/stranger.h"

namespace ledgerline::test {
namespace {

constexpr int kPagesMax = 1000;
constexpr const char* kNobody = "00000000-0000-7000-8000-000000000000";

using Accounts = Stranger;

std::string suspend(const std::string& status) { return R"({"status":")" + status + "\"}"; }

TEST_F(Accounts, ANewOneCanBeReadBack) {
    const std::string reference = fresh("reference");
    const Answer made = post("/v1/accounts", R"({"currency":"CZK","reference":")" + reference +
                                                 R"(","metadata":{"owner":{"name":"Jiří"}}})");
    ASSERT_EQ(made.status, 201) << json::serialize(made.body);
    EXPECT_EQ(made.header("location"), "/v1/accounts/" + made.at("id"));
    EXPECT_EQ(made.header("content-type"), "application/json");
    EXPECT_EQ(made.at("currency"), "CZK");
    EXPECT_EQ(made.at("balance_cents"), "0");
    EXPECT_EQ(made.at("min_balance_cents"), "0");
    EXPECT_EQ(made.at("status"), "ACTIVE");
    EXPECT_EQ(made.at("reference"), reference);
    EXPECT_EQ(made.at("metadata.owner.name"), "Jiří");
    EXPECT_THAT(made.at("created_at"), testing::EndsWith("Z"));

    const Answer read = get(made.header("location"));
    EXPECT_EQ(read.status, 200);
    EXPECT_TRUE(json::equivalent(read.body, made.body)) << json::serialize(read.body);
}

TEST_F(Accounts, AReferenceIsGivenOnce) {
    const std::string body = R"({"currency":"EUR","reference":")" + fresh("taken") + "\"}";
    const Answer first = post("/v1/accounts", body);
    const Answer second = post("/v1/accounts", body);
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(second.code(), "reference_taken");
    EXPECT_EQ(second.at("account_id"), first.at("id"));
    EXPECT_EQ(second.header("content-type"), "application/problem+json");
}

TEST_F(Accounts, AreFoundByReference) {
    const std::string reference = fresh("to be found: ü/?&");
    const std::string id = account("EUR", R"(,"reference":")" + reference + "\"");
    const Answer found = get("/v1/accounts?reference=" + http::percent_encode(reference));
    EXPECT_EQ(found.at("accounts.0.id"), id);
    EXPECT_EQ(found.at("accounts.1"), "missing");
    EXPECT_EQ(found.at("next_cursor"), "null");
    const Answer none = get("/v1/accounts?reference=" + fresh("unknown"));
    EXPECT_EQ(none.status, 200);
    EXPECT_EQ(none.at("accounts"), "[]");
}

// Others may make accounts meanwhile: ours still come in their order.
TEST_F(Accounts, AreListedNewestFirst) {
    std::vector<std::string> expected;
    for (int i = 0; i < 5; ++i) expected.insert(expected.begin(), account());
    std::vector<std::string> seen;
    std::string cursor;
    for (int page = 0; page < kPagesMax && seen.size() < expected.size(); ++page) {
        const Answer answer = get("/v1/accounts?limit=2&status=ACTIVE" +
                                  (cursor.empty() ? "" : "&cursor=" + http::percent_encode(cursor)));
        ASSERT_EQ(answer.status, 200) << json::serialize(answer.body);
        EXPECT_EQ(answer.at("limit"), "2");
        for (const char* at : {"accounts.0.id", "accounts.1.id"})
            if (std::ranges::find(expected, answer.at(at)) != expected.end()) seen.push_back(answer.at(at));
        cursor = answer.at("next_cursor");
        ASSERT_NE(cursor, "missing");
        if (cursor == "null") break;
    }
    EXPECT_EQ(seen, expected);
}

TEST_F(Accounts, ASuspendedOneRefusesUntilItIsActiveAgain) {
    const std::string id = account();
    const Answer suspended = call("PATCH", "/v1/accounts/" + id, suspend("SUSPENDED"));
    EXPECT_EQ(suspended.status, 200);
    EXPECT_EQ(suspended.at("status"), "SUSPENDED");
    const Movement movement{.account_id = id, .key = fresh("key")};
    for (const char* type : {"CREDIT", "DEBIT"}) {
        Movement refused = movement;
        refused.type = type;
        const Answer answer = accept(refused);
        EXPECT_EQ(answer.status, 422);
        EXPECT_EQ(answer.code(), "account_suspended");
    }
    EXPECT_EQ(call("PATCH", "/v1/accounts/" + id, suspend("ACTIVE")).at("status"), "ACTIVE");
    // The refusals have used up no key.
    EXPECT_EQ(settle(movement).at("status"), "PROCESSED");
}

TEST_F(Accounts, AFloorBelowZeroIsCredit) {
    const std::string id = account("EUR", R"(,"min_balance_cents":-1000)");
    EXPECT_EQ(get("/v1/accounts/" + id).at("min_balance_cents"), "-1000");
    const auto debit = [&](int cents) {
        return settle({.account_id = id, .key = fresh("debit"), .amount_cents = cents, .type = "DEBIT"});
    };
    EXPECT_EQ(debit(1000).at("status"), "PROCESSED");
    EXPECT_EQ(debit(1).at("failure_code"), "insufficient_balance");
    EXPECT_EQ(balance(id), "-1000");
}

TEST_F(Accounts, ACeilingKeepsOutWhatWouldExceedIt) {
    const std::string id = account("EUR", R"(,"max_balance_cents":100)");
    const auto credit = [&](int cents) {
        return settle({.account_id = id, .key = fresh("credit"), .amount_cents = cents, .type = "CREDIT"});
    };
    EXPECT_EQ(credit(101).at("failure_code"), "balance_limit_exceeded");
    EXPECT_EQ(credit(100).at("status"), "PROCESSED");
    EXPECT_EQ(call("PATCH", "/v1/accounts/" + id, R"({"max_balance_cents":null})").at("max_balance_cents"), "null");
    EXPECT_EQ(credit(1).at("status"), "PROCESSED");
}

TEST_F(Accounts, AnEmptyOneIsClosedForGood) {
    const std::string id = account(), path = "/v1/accounts/" + id;
    EXPECT_EQ(settle({.account_id = id, .key = fresh("in"), .amount_cents = 5, .type = "CREDIT"}).at("status"),
              "PROCESSED");
    EXPECT_EQ(call("PATCH", path, suspend("CLOSED")).code(), "account_not_empty");
    EXPECT_EQ(settle({.account_id = id, .key = fresh("out"), .amount_cents = 5, .type = "DEBIT"}).at("status"),
              "PROCESSED");
    EXPECT_EQ(call("PATCH", path, suspend("CLOSED")).at("status"), "CLOSED");
    EXPECT_EQ(accept({.account_id = id, .key = fresh("late")}).code(), "account_closed");
    EXPECT_EQ(call("PATCH", path, suspend("ACTIVE")).code(), "closed_is_final");
    const Answer changes = get(path + "/changes");
    EXPECT_EQ(changes.at("changes.0.after.status"), "CLOSED");
    EXPECT_EQ(changes.at("changes.1"), "missing");
}

TEST_F(Accounts, AReferenceIsMadeOrFound) {
    const std::string path = "/v1/accounts/by-reference/" + http::percent_encode(fresh("wallet"));
    const Answer made = call("PUT", path, R"({"currency":"EUR"})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(call("PUT", path, R"({"currency":"EUR"})").at("id"), made.at("id"));
    EXPECT_EQ(call("PUT", path, R"({"currency":"CZK"})").code(), "account_differs");
    EXPECT_EQ(get(path).at("id"), made.at("id"));
}

TEST_F(Accounts, WhatIsWrongIsNamed) {
    struct Case {
        const char* body;
        const char* code;
    };
    for (const auto& [body, code] : {Case{R"({})", "missing_field"},
                                     {R"({"currency":"XXY"})", "invalid_field"},
                                     {R"({"currency":"eur"})", "invalid_field"},
                                     {R"({"currency":978})", "invalid_field"},
                                     {R"({"currency":"EUR","reference":""})", "invalid_field"},
                                     {R"({"currency":"EUR","max_balance_cents":9000000000000001})", "invalid_field"},
                                     {R"({"currency":"EUR","min_balance_cents":-1000000000000001})", "invalid_field"},
                                     {R"({"currency":"EUR","metadata":[]})", "invalid_field"},
                                     {R"({"currency":"EUR","balance_cents":5})", "unknown_field"},
                                     {R"({"currency":"EUR","currency":"EUR"})", "invalid_json"},
                                     {R"([])", "invalid_field"},
                                     {R"({"currency":)", "invalid_json"}}) {
        const Answer answer = post("/v1/accounts", body);
        EXPECT_EQ(answer.status, 400) << body;
        EXPECT_EQ(answer.code(), code) << body;
        EXPECT_EQ(answer.at("status"), "400") << body;
    }
    const std::string id = account();
    for (const char* body : {R"({"status":"GONE"})", R"({"status":null})", R"({})", R"({"currency":"CZK"})"})
        EXPECT_EQ(call("PATCH", "/v1/accounts/" + id, body).status, 400) << body;
}

TEST_F(Accounts, UnknownOnesAreNotFound) {
    const std::string path = std::string("/v1/accounts/") + kNobody;
    for (const Answer& answer : {get(path), get(path + "/entries"), call("PATCH", path, suspend("ACTIVE"))}) {
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.code(), "account_not_found");
    }
    EXPECT_EQ(get("/v1/accounts/17").code(), "invalid_id");
}

}  // namespace
}  // namespace ledgerline::test
