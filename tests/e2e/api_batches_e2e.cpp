// Batches, order and concurrency, as a stranger sees them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>
#include <set>

#include "e2e/stranger.h"

namespace ledgerline::test {
namespace {

constexpr int kBatchMax = 1000;
constexpr int kClients = 8;
constexpr int kEach = 25;

class Batches : public Stranger {
protected:
    Movement credit(std::int64_t cents) const {
        return {.account_id = account_, .key = fresh("credit"), .amount_cents = cents};
    }
    Movement debit(std::int64_t cents) const {
        return {.account_id = account_, .key = fresh("debit"), .amount_cents = cents, .type = "DEBIT"};
    }
    // Runs on so many threads at once.
    template <typename Call>
    static std::vector<Answer> at_once(int clients, const Call& send) {
        std::vector<std::future<Answer>> under_way;
        for (int i = 0; i < clients; ++i) under_way.push_back(std::async(std::launch::async, send, i));
        std::vector<Answer> answers;
        for (auto& each : under_way) answers.push_back(each.get());
        return answers;
    }

    const std::string account_ = account();
};

TEST_F(Batches, EachItemIsTakenOnItsOwnMerits) {
    Movement wrong = credit(1);
    wrong.amount_cents = -1;
    Movement unknown = credit(1);
    unknown.account_id = "00000000-0000-7000-8000-000000000000";
    Movement currency = credit(1);
    currency.currency = "JPY";
    const Movement known = credit(7);
    ASSERT_EQ(settle(known).status, 201);
    Movement reused = known;
    reused.amount_cents = 8;

    const Answer answer = settle_batch({credit(100), wrong, unknown, currency, known, reused, debit(50)});
    ASSERT_EQ(answer.status, 200) << json::serialize(answer.body);
    EXPECT_EQ(answer.header("preference-applied"), "wait=30");
    EXPECT_EQ(answer.at("results.0.status"), "201");
    EXPECT_EQ(answer.at("results.0.replayed"), "false");
    EXPECT_EQ(answer.at("results.0.transaction.status"), "PROCESSED");
    EXPECT_EQ(answer.at("results.1.status"), "400");
    EXPECT_EQ(answer.at("results.1.problem.code"), "invalid_field");
    EXPECT_EQ(answer.at("results.1.problem.field"), "transactions[1].amount_cents");
    EXPECT_EQ(answer.at("results.2.status"), "404");
    EXPECT_EQ(answer.at("results.2.problem.code"), "account_not_found");
    EXPECT_EQ(answer.at("results.3.problem.code"), "currency_mismatch");
    EXPECT_EQ(answer.at("results.4.status"), "201");
    EXPECT_EQ(answer.at("results.4.replayed"), "true");
    EXPECT_EQ(answer.at("results.5.status"), "422");
    EXPECT_EQ(answer.at("results.5.problem.code"), "idempotency_key_reused");
    EXPECT_EQ(answer.at("results.6.transaction.status"), "PROCESSED");
    EXPECT_EQ(answer.at("results.7"), "missing");
    EXPECT_EQ(balance(account_), "57");
}

TEST_F(Batches, AKeyTwiceInOneBatchCountsOnce) {
    const Movement first = credit(10);
    Movement other = first;
    other.amount_cents = 11;
    const Answer answer = settle_batch({first, first, other});
    EXPECT_EQ(answer.at("results.0.replayed"), "false");
    EXPECT_EQ(answer.at("results.1.replayed"), "true");
    EXPECT_EQ(answer.at("results.1.transaction.id"), answer.at("results.0.transaction.id"));
    EXPECT_EQ(answer.at("results.2.problem.code"), "idempotency_key_reused");
    EXPECT_EQ(balance(account_), "10");
}

TEST_F(Batches, OneAccountsItemsAreAppliedInTheirOrder) {
    const Answer answer = settle_batch({debit(1), credit(100), debit(60), debit(60), credit(20), debit(60)});
    std::string outcomes;
    for (int i = 0; i < 6; ++i)
        outcomes += answer.at(fmt::format("results.{}.transaction.status", i)) == "PROCESSED" ? '+' : '-';
    EXPECT_EQ(outcomes, "-++-++");
    EXPECT_EQ(balance(account_), "0");
}

TEST_F(Batches, TheLargestKeepsItsOrder) {
    std::vector<Movement> movements;
    for (int i = 1; i <= kBatchMax; ++i) movements.push_back(credit(i));
    const Answer answer = settle_batch(movements);
    ASSERT_EQ(answer.status, 200);
    const json::Array all = entries(account_, 300);
    ASSERT_EQ(all.size(), movements.size());
    std::int64_t balance_cents = 0;
    for (int i = 0; i < kBatchMax; ++i) {
        balance_cents += i + 1;
        ASSERT_EQ(member(all[static_cast<std::size_t>(i)], "amount_cents"), std::to_string(i + 1));
        ASSERT_EQ(member(all[static_cast<std::size_t>(i)], "balance_after_cents"), std::to_string(balance_cents));
    }
}

TEST_F(Batches, HaveLimits) {
    EXPECT_EQ(post("/v1/transactions/batch", R"({"transactions":[]})").status, 400);
    EXPECT_EQ(post("/v1/transactions/batch", R"({"transactions":{}})").status, 400);
    EXPECT_EQ(post("/v1/transactions/batch", R"({})").code(), "missing_field");
    EXPECT_EQ(post("/v1/transactions/batch", "[]").status, 400);
    std::vector<Movement> too_many(kBatchMax + 1, credit(1));
    EXPECT_EQ(post("/v1/transactions/batch", batch_of(too_many)).status, 400);
    EXPECT_EQ(post("/v1/transactions/batch", std::string((1 << 20) + 1, ' ')).status, 413);
    EXPECT_EQ(get("/v1/transactions?account_id=" + account_).at("transactions"), "[]");
}

TEST_F(Batches, OneKeySentByManyAtOnceMovesMoneyOnce) {
    const Movement movement = credit(100);
    const auto answers = at_once(kClients, [&](int) { return settle(movement); });
    int created = 0;
    for (const Answer& answer : answers) {
        EXPECT_EQ(answer.status, 201) << json::serialize(answer.body);
        EXPECT_EQ(answer.at("id"), answers.front().at("id"));
        created += answer.header("idempotent-replayed").empty() ? 1 : 0;
    }
    EXPECT_EQ(created, 1);
    EXPECT_EQ(balance(account_), "100");
}

// Everybody debits one account at once: exactly what it holds goes out, and its statement adds up.
TEST_F(Batches, ManyAtOnceNeverOverdrawAnAccount) {
    constexpr std::int64_t kHeld = 100;
    settle(credit(kHeld));
    const auto answers = at_once(kClients, [&](int) {
        std::vector<Movement> movements;
        for (int i = 0; i < kEach; ++i) movements.push_back(debit(1));
        return settle_batch(movements);
    });
    int processed = 0;
    int refused = 0;
    for (const Answer& answer : answers)
        for (int i = 0; i < kEach; ++i) {
            const std::string at = fmt::format("results.{}.transaction.", i);
            processed += answer.at(at + "status") == "PROCESSED" ? 1 : 0;
            refused += answer.at(at + "failure_code") == "insufficient_balance" ? 1 : 0;
        }
    EXPECT_EQ(processed, kHeld);
    EXPECT_EQ(refused, kClients * kEach - kHeld);
    EXPECT_EQ(balance(account_), "0");
}

TEST_F(Batches, AStatementIsAnUnbrokenChain) {
    at_once(kClients, [&](int client) {
        for (int i = 0; i < kEach; ++i) settle(client % 2 == 0 ? credit(3) : debit(2));
        return Answer{};
    });
    std::int64_t balance_cents = 0;
    std::int64_t seq = 0;
    std::set<std::string> ids;
    for (const json::Value& entry : entries(account_, 7)) {
        const std::int64_t amount_cents = *entry.find("amount_cents")->if_int64();
        balance_cents += member(entry, "type") == "CREDIT" ? amount_cents : -amount_cents;
        EXPECT_EQ(member(entry, "balance_after_cents"), std::to_string(balance_cents));
        EXPECT_GT(*entry.find("seq")->if_int64(), seq);
        seq = *entry.find("seq")->if_int64();
        EXPECT_TRUE(ids.insert(member(entry, "transaction_id")).second);
    }
    EXPECT_GE(ids.size(), static_cast<std::size_t>(kClients / 2 * kEach));
    EXPECT_EQ(balance(account_), std::to_string(balance_cents));
}

}  // namespace
}  // namespace ledgerline::test
