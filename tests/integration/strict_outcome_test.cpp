// Prefer: outcome=strict through the whole pipeline: whoever looks at the status of an answer alone takes no refusal
// for success.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/pipeline.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

class StrictOutcome : public testing::Test {
protected:
    Answer post(const std::string& path, const std::string& body,
                const char* prefer = "wait=10, outcome=strict") const {
        return pipeline_.api().post(path, body, {{"Prefer", prefer}});
    }
    static std::string movement(const std::string& account, const char* type, const char* key, int cents,
                                const char* more = "") {
        return fmt::format(
            R"({{"account_id":"{}","type":"{}","idempotency_key":"{}","amount_cents":{},"currency":"EUR"{}}})", account,
            type, key, cents, more);
    }
    std::string transfer(const char* key, int cents) const {
        return fmt::format(
            R"({{"idempotency_key":"{}","legs":[{{"from_account_id":"{}","to_account_id":"{}","amount_cents":{},)"
            R"("currency":"EUR"}}]}})",
            key, account_, other_, cents);
    }

    Pipeline pipeline_;
    const std::string account_ = pipeline_.api().account();
    const std::string other_ = pipeline_.api().account();
};

TEST_F(StrictOutcome, MakesAProblemOfARefusalAndOfItsReplay) {
    const std::string body = movement(account_, "DEBIT", "k", 6, R"(,"metadata":{"n":1.50})");
    for (const char* replayed : {"", "true"}) {
        const Answer refused = post("/v1/transactions", body);
        EXPECT_EQ(refused.status, 402);
        EXPECT_EQ(refused.at("status"), "402");
        EXPECT_EQ(refused.code(), "insufficient_balance");
        EXPECT_EQ(refused.header("content-type"), "application/problem+json");
        EXPECT_EQ(refused.header("preference-applied"), "wait=10, outcome=strict");
        EXPECT_EQ(refused.header("idempotent-replayed"), replayed);
        EXPECT_EQ(refused.header("location"), "/v1/transactions/" + refused.at("transaction.id"));
        EXPECT_EQ(refused.at("transaction.status"), "FAILED");
        EXPECT_EQ(refused.at("transaction.metadata.n"), "1.50");
        EXPECT_THAT(refused.at("detail"), HasSubstr(refused.at("transaction.failure_reason")));
    }
    // A replay knows the outcome without waiting. Without the preference, only its status says that it was refused.
    const Answer at_once = post("/v1/transactions", body, "outcome=strict");
    EXPECT_EQ(at_once.status, 402);
    EXPECT_EQ(at_once.header("preference-applied"), "outcome=strict");
    const Answer lax = post("/v1/transactions", body, "wait=10");
    EXPECT_EQ(lax.status, 201);
    EXPECT_EQ(lax.at("status"), "FAILED");
    EXPECT_EQ(post("/v1/transfers", transfer("t", 1)).status, 402);
}

TEST_F(StrictOutcome, LeavesASuccessAsItIs) {
    const Answer paid = post("/v1/transactions", movement(account_, "CREDIT", "k", 5));
    EXPECT_EQ(paid.status, 201);
    EXPECT_EQ(paid.at("status"), "PROCESSED");
    EXPECT_EQ(paid.header("preference-applied"), "wait=10, outcome=strict");
    EXPECT_EQ(post("/v1/transfers", transfer("t", 5)).status, 201);
}

TEST_F(StrictOutcome, IsThatOfEachItemOfABatch) {
    const Answer batch =
        post("/v1/transactions/batch", fmt::format(R"({{"transactions":[{},{},7,{}]}})", transfer("t", 1),
                                                   movement(account_, "CREDIT", "c", 5), transfer("u", 5)));
    EXPECT_EQ(batch.status, 200);
    EXPECT_EQ(batch.header("preference-applied"), "wait=10, outcome=strict");
    EXPECT_EQ(batch.at("results.0.status"), "402");
    EXPECT_EQ(batch.at("results.0.replayed"), "false");
    EXPECT_EQ(batch.at("results.0.problem.code"), "insufficient_balance");
    EXPECT_EQ(batch.at("results.0.problem.transaction.idempotency_key"), "t");
    EXPECT_EQ(batch.at("results.0.problem.transaction.status"), "FAILED");
    EXPECT_EQ(batch.at("results.1.transaction.status"), "PROCESSED");
    EXPECT_EQ(batch.at("results.2.status"), "400");
    EXPECT_EQ(batch.at("results.3.status"), "201");
    EXPECT_EQ(batch.at("results.3.transaction.status"), "PROCESSED");
}

}  // namespace
}  // namespace ledgerline::test
