// ?dry_run=true: what would become of a transaction, and that nothing does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lab/pipeline.h"
#include "lab/verified.h"

namespace ledgerline::test {
namespace {

class DryRun : public testing::Test {
protected:
    DryRun() {
        a_ = pipeline_.api().account();
        b_ = pipeline_.api().account(R"("currency":"EUR","max_balance_cents":50)");
        post("/v1/transactions", transaction_json(a_, "open", 100, "CREDIT"));
    }
    Answer post(const std::string& path, const std::string& body) const {
        return pipeline_.api().post(path, body, {{"Prefer", "wait=10"}});
    }
    Answer dry(const std::string& path, const std::string& body) const {
        const std::string before = pipeline_.database().value("SELECT count(*) FROM accepted");
        Answer answer = post(path + "?dry_run=true", body);
        EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accepted"), before) << "nothing is stored";
        return answer;
    }
    std::string transfer(int cents) const {
        return fmt::format(R"({{"idempotency_key":"t","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                           R"("amount_cents":{},"currency":"EUR"}}]}})",
                           a_, b_, cents);
    }
    std::string hold(int cents) const {
        return fmt::format(R"({{"account_id":"{}","amount_cents":{},"currency":"EUR","idempotency_key":"h"}})", a_,
                           cents);
    }

    Pipeline pipeline_;
    std::string a_, b_;
};

TEST_F(DryRun, SaysWhatWouldBecomeOfIt) {
    const Answer taken = dry("/v1/transfers", transfer(40));
    EXPECT_EQ(taken.status, 200) << taken.text();
    EXPECT_EQ(taken.at("status"), "PROCESSED");
    EXPECT_EQ(taken.at("accounts.0.balance_after_cents"), "60");
    EXPECT_EQ(taken.at("accounts.1.net_cents"), "40");
    EXPECT_EQ(dry("/v1/transfers", transfer(51)).at("failure_code"), "balance_limit_exceeded");
    EXPECT_EQ(dry("/v1/transfers", transfer(101)).at("failure_code"), "insufficient_balance");
    EXPECT_EQ(dry("/v1/transactions", transaction_json(a_, "d", 101, "DEBIT")).at("failure_code"),
              "insufficient_balance");
    const Answer held = dry("/v1/holds", hold(100));
    EXPECT_EQ(held.at("status"), "PROCESSED") << held.text();
    EXPECT_EQ(held.at("accounts.0.held_after_cents"), "100");
    EXPECT_EQ(held.at("accounts.0.available_after_cents"), "0");
    EXPECT_EQ(dry("/v1/holds", hold(101)).at("failure_code"), "insufficient_balance");
}

// Whatever it says is what happens, as long as nothing else does.
TEST_F(DryRun, IsRightWhenNothingComesBetween) {
    for (const int cents : {30, 20, 1, 60, 49}) {
        const Answer said = dry("/v1/transfers", transfer(cents));
        std::string body = transfer(cents);
        body.replace(body.find("\"t\""), 3, fmt::format("\"t{}\"", cents));
        const Answer happened = post("/v1/transfers", body);
        EXPECT_EQ(said.at("status"), happened.at("status")) << cents;
        EXPECT_EQ(said.at("failure_code"), happened.at("failure_code")) << cents;
        EXPECT_EQ(said.at("failure_reason"), happened.at("failure_reason")) << cents;
    }
    expect_verified(pipeline_.database());
}

TEST_F(DryRun, OfWhatIntakeRefusesIsTheSameProblem) {
    pipeline_.api().call("PATCH", "/v1/accounts/" + b_, R"({"status":"SUSPENDED"})");
    for (const auto& [path, body] :
         {std::pair("/v1/transfers", transfer(1)),
          std::pair("/v1/transactions", transaction_json(b_, "k", 1, "CREDIT")),
          std::pair("/v1/transactions", transaction_json("0190a6e2-7b1c-7def-8abc-0123456789ab", "k", 1, "CREDIT")),
          std::pair("/v1/transactions", transaction_json(a_, "k", 0, "CREDIT"))}) {
        const Answer said = dry(path, body), happened = post(path, body);
        EXPECT_EQ(said.code(), happened.code()) << body;
        EXPECT_EQ(said.at("field"), happened.at("field")) << body;
    }
    EXPECT_EQ(post("/v1/transfers?dry_run=yes", transfer(1)).at("field"), "dry_run");
    EXPECT_EQ(post("/v1/transactions/batch?dry_run=true", "{}").code(), "unknown_parameter");
}

}  // namespace
}  // namespace ledgerline::test
