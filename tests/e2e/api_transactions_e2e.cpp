// Transactions one at a time: acceptance, outcomes, idempotency and waiting, as a stranger sees them.
#include <gmock/gmock.h>

#include "e2e/program.h"
#include "e2e/stranger.h"

namespace ledgerline::test {
namespace {

constexpr const char* kNobody = "00000000-0000-7000-8000-000000000000";
constexpr std::int64_t kAmountMax = 1'000'000'000'000'000;  // 10^15 cents
constexpr int kCreditsToTheCeiling = 9;                     // of kAmountMax

class Transactions : public Stranger {
protected:
    Movement credit(std::int64_t cents) const {
        return {.account_id = account_, .key = fresh("credit"), .amount_cents = cents};
    }
    Movement debit(std::int64_t cents) const {
        return {.account_id = account_, .key = fresh("debit"), .amount_cents = cents, .type = "DEBIT"};
    }

    const std::string account_ = account();
};

TEST_F(Transactions, AnAcceptedOneIsDecidedByItself) {
    const Movement movement = credit(1234);
    const Answer made = accept(movement);
    ASSERT_EQ(made.status, 201) << json::serialize(made.body);
    EXPECT_EQ(made.header("location"), "/v1/transactions/" + made.at("id"));
    EXPECT_EQ(made.header("idempotent-replayed"), "");
    EXPECT_EQ(made.header("preference-applied"), "");
    EXPECT_EQ(made.at("account_id"), account_);
    EXPECT_EQ(made.at("amount_cents"), "1234");
    EXPECT_EQ(made.at("currency"), "EUR");
    EXPECT_EQ(made.at("type"), "CREDIT");
    EXPECT_EQ(made.at("status"), "PENDING");
    EXPECT_EQ(made.at("idempotency_key"), movement.key);
    for (const char* name : {"failure_code", "failure_reason"}) EXPECT_EQ(made.at(name), "null");

    Answer read;
    EXPECT_TRUE(eventually([&] { return (read = get(made.header("location"))).at("status") == "PROCESSED"; }));
    EXPECT_EQ(read.at("id"), made.at("id"));
    EXPECT_EQ(read.at("created_at"), made.at("created_at"));
    EXPECT_GT(read.at("updated_at"), read.at("created_at"));
    EXPECT_EQ(balance(account_), "1234");
}

TEST_F(Transactions, CreditsAndDebitsMoveTheBalance) {
    EXPECT_EQ(settle(credit(1000)).at("status"), "PROCESSED");
    EXPECT_EQ(settle(debit(300)).at("status"), "PROCESSED");
    EXPECT_EQ(settle(debit(700)).at("status"), "PROCESSED");
    EXPECT_EQ(balance(account_), "0");
}

TEST_F(Transactions, ADebitBeyondTheBalanceFailsForGood) {
    settle(credit(100));
    const Movement beyond = debit(101);
    const Answer refused = settle(beyond);
    EXPECT_EQ(refused.status, 201);
    EXPECT_EQ(refused.at("status"), "FAILED");
    EXPECT_EQ(refused.at("failure_code"), "insufficient_balance");
    EXPECT_THAT(refused.at("failure_reason"), testing::StartsWith("insufficient balance"));
    EXPECT_EQ(balance(account_), "100");
    settle(credit(1));
    const Answer again = settle(beyond);
    EXPECT_EQ(again.at("status"), "FAILED");
    EXPECT_EQ(again.at("id"), refused.at("id"));
    EXPECT_EQ(settle(debit(101)).at("status"), "PROCESSED");
}

TEST_F(Transactions, ACreditBeyondTheCeilingFails) {
    std::vector<Movement> credits;
    for (int i = 0; i < kCreditsToTheCeiling; ++i) credits.push_back(credit(kAmountMax));
    EXPECT_EQ(settle_batch(credits).status, 200);
    EXPECT_EQ(balance(account_), "9000000000000000");
    EXPECT_EQ(settle(credit(1)).at("failure_code"), "balance_overflow");
    EXPECT_EQ(balance(account_), "9000000000000000");
}

TEST_F(Transactions, TheSameKeyIsTheSameTransaction) {
    Movement movement = credit(100);
    movement.more = R"(,"metadata":{"a":1,"b":[true]})";
    const Answer first = settle(movement);
    EXPECT_EQ(first.header("idempotent-replayed"), "");
    movement.more = R"(,"metadata":{"b":[true],"a":1.0})";
    for (int i = 0; i < 3; ++i) {
        const Answer again = accept(movement);
        EXPECT_EQ(again.status, 201);
        EXPECT_EQ(again.header("idempotent-replayed"), "true");
        EXPECT_EQ(again.header("location"), first.header("location"));
        EXPECT_EQ(again.at("id"), first.at("id"));
        EXPECT_EQ(again.at("status"), "PROCESSED");
    }
    EXPECT_EQ(balance(account_), "100");
}

TEST_F(Transactions, TheSameKeyWithAnotherBodyIsRefused) {
    const Movement first = credit(100);
    ASSERT_EQ(settle(first).status, 201);
    Movement amount = first, type = first, metadata = first;
    amount.amount_cents = 101;
    type.type = "DEBIT";
    metadata.more = R"(,"metadata":{})";
    for (const Movement& other : {amount, type, metadata}) {
        const Answer refused = accept(other);
        EXPECT_EQ(refused.status, 422) << other.json();
        EXPECT_EQ(refused.code(), "idempotency_key_reused") << other.json();
    }
    EXPECT_EQ(balance(account_), "100");
}

TEST_F(Transactions, AKeyBelongsToItsAccount) {
    Movement movement = credit(100);
    const Answer here = settle(movement);
    movement.account_id = account();
    const Answer there = settle(movement);
    EXPECT_EQ(there.status, 201);
    EXPECT_EQ(there.header("idempotent-replayed"), "");
    EXPECT_NE(there.at("id"), here.at("id"));
}

TEST_F(Transactions, TheKeyMayComeAsAHeader) {
    const std::string key = fresh("header");
    const std::string body =
        R"({"account_id":")" + account_ + R"(","amount_cents":1,"currency":"EUR","type":"CREDIT"})";
    const Answer first = post("/v1/transactions", body, {{"Idempotency-Key", key}});
    EXPECT_EQ(first.status, 201) << json::serialize(first.body);
    EXPECT_EQ(first.at("idempotency_key"), key);
    const Answer quoted = post("/v1/transactions", body, {{"Idempotency-Key", '"' + key + '"'}});
    EXPECT_EQ(quoted.at("id"), first.at("id"));
    EXPECT_EQ(accept({.account_id = account_, .key = key, .amount_cents = 1}).at("id"), first.at("id"));
    EXPECT_EQ(accept(credit(1), {{"Idempotency-Key", key}}).code(), "idempotency_key_mismatch");
    EXPECT_EQ(post("/v1/transactions", body).code(), "missing_idempotency_key");
}

TEST_F(Transactions, WhatTheAccountRulesOutIsRefusedAtOnce) {
    Movement unknown = credit(1);
    unknown.account_id = kNobody;
    EXPECT_EQ(accept(unknown).status, 404);
    EXPECT_EQ(accept(unknown).code(), "account_not_found");
    Movement currency = credit(1);
    currency.currency = "CZK";
    EXPECT_EQ(accept(currency).status, 422);
    EXPECT_EQ(accept(currency).code(), "currency_mismatch");
    // No key was used up.
    currency.currency = "EUR";
    EXPECT_EQ(settle(currency).at("status"), "PROCESSED");
}

TEST_F(Transactions, WaitingIsConfirmedAndMalformedWishesAreIgnored) {
    const Answer waited = accept(credit(1), {{"Prefer", "respond-async, wait=20"}});
    EXPECT_EQ(waited.header("preference-applied"), "wait=20");
    EXPECT_EQ(waited.at("status"), "PROCESSED");
    EXPECT_EQ(accept(credit(1), {{"Prefer", "wait=100"}}).header("preference-applied"), "wait=30");
    for (const char* malformed : {"wait=x", "wait=-1", "wait", "return=minimal"}) {
        const Answer answer = accept(credit(1), {{"Prefer", malformed}});
        EXPECT_EQ(answer.status, 201) << malformed;
        EXPECT_EQ(answer.header("preference-applied"), "") << malformed;
    }
    const Movement movement = credit(1);
    accept(movement);
    EXPECT_EQ(settle(movement).at("status"), "PROCESSED") << "a replay waits too";
}

TEST_F(Transactions, NumbersInMetadataKeepTheirDigits) {
    Movement movement = credit(1);
    movement.more = R"(,"metadata":{"rate":1.2500,"big":12345678901234567890123,"text":"\u20ac"})";
    const Answer read = get("/v1/transactions/" + settle(movement).at("id"));
    EXPECT_EQ(read.at("metadata.rate"), "1.2500");
    EXPECT_EQ(read.at("metadata.big"), "12345678901234567890123");
    EXPECT_EQ(read.at("metadata.text"), "€");
}

TEST_F(Transactions, OnesLifeCanBeTraced) {
    const std::string id = settle(credit(5)).at("id");
    const Answer trace = get("/v1/transactions/" + id + "/trace");
    EXPECT_EQ(trace.status, 200);
    EXPECT_EQ(trace.at("transaction.id"), id);
    EXPECT_EQ(trace.at("events.0.published"), "true");
    EXPECT_EQ(trace.at("events.0.outcome.status"), "PROCESSED");
    EXPECT_EQ(trace.at("events.0.outcome.balance_after_cents"), "5");
    EXPECT_EQ(trace.at("events.1"), "missing");
}

TEST_F(Transactions, UnknownOnesAreNotFound) {
    const Answer answer = get(std::string("/v1/transactions/") + kNobody);
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.code(), "transaction_not_found");
    EXPECT_EQ(get("/v1/transactions/17").status, 400);
}

// One member of a good body, replaced; "" leaves it out.
struct Malformed {
    const char* member;
    const char* value;
    const char* code;
};

TEST_F(Transactions, WhatIsMalformedStoresNothing) {
    const Malformed cases[] = {{"amount_cents", "0", "invalid_field"},
                               {"amount_cents", "-5", "invalid_field"},
                               {"amount_cents", "1.0", "invalid_field"},
                               {"amount_cents", "1e2", "invalid_field"},
                               {"amount_cents", "\"100\"", "invalid_field"},
                               {"amount_cents", "1000000000000001", "invalid_field"},
                               {"amount_cents", "99999999999999999999", "invalid_field"},
                               {"amount_cents", "null", "missing_field"},
                               {"amount_cents", "", "missing_field"},
                               {"currency", "\"ZZZ\"", "invalid_field"},
                               {"currency", "", "missing_field"},
                               {"type", "\"TRANSFER\"", "invalid_field"},
                               {"type", "\"credit\"", "invalid_field"},
                               {"account_id", "\"17\"", "invalid_field"},
                               {"idempotency_key", "\"\"", "invalid_field"},
                               {"idempotency_key", "\"a\\nb\"", "invalid_field"},
                               {"idempotency_key", "5", "invalid_field"},
                               {"metadata", "[]", "invalid_field"},
                               {"metadata", "\"x\"", "invalid_field"},
                               {"status", "\"PROCESSED\"", "unknown_field"}};
    for (const auto& [name, value, code] : cases) {
        json::Object body = *json::parse(credit(1).json())->if_object();
        std::erase_if(body, [&](const json::Member& each) { return each.first == name; });
        std::string text = json::serialize(body);
        if (*value) text.insert(text.size() - 1, std::string(",\"") + name + "\":" + value);
        const Answer answer = post("/v1/transactions", text);
        EXPECT_EQ(answer.status, 400) << text;
        EXPECT_EQ(answer.code(), code) << text;
        EXPECT_EQ(answer.at("field"), name) << text;
    }
    EXPECT_EQ(get("/v1/transactions?account_id=" + account_).at("transactions"), "[]");
}

}  // namespace
}  // namespace ledgerline::test
