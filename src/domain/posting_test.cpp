#include "domain/posting.h"

#include <gtest/gtest.h>

#include "base/money.h"

namespace ledgerline {
namespace {

Event event(TransactionType type, std::int64_t amount_cents, const char* currency = "EUR") {
    Event made;
    made.type = type;
    made.amount_cents = amount_cents;
    made.currency = currency;
    return made;
}

AccountState account(std::int64_t balance_cents, std::int64_t min_balance_cents = 0, bool suspended = false) {
    return {{}, "EUR", balance_cents, min_balance_cents, suspended};
}

TEST(Posting, MovesTheBalance) {
    AccountState state = account(100);
    EXPECT_EQ(post(event(TransactionType::credit, 50), state).balance_after_cents, 150);
    EXPECT_EQ(post(event(TransactionType::debit, 150), state).balance_after_cents, 0);
    EXPECT_EQ(state.balance_cents, 0);
}

TEST(Posting, ADebitMayReachTheFloorButNotCrossIt) {
    AccountState state = account(100, -50);
    const Posting refused = post(event(TransactionType::debit, 151), state);
    EXPECT_EQ(refused.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(refused.balance_after_cents, 100);
    EXPECT_TRUE(refused.failure_reason.starts_with("insufficient balance"));
    EXPECT_FALSE(post(event(TransactionType::debit, 150), state).refusal);
    EXPECT_EQ(state.balance_cents, -50);
}

TEST(Posting, ACreditMayReachTheCeilingButNotCrossIt) {
    AccountState state = account(balance_cents_max - 10);
    EXPECT_EQ(post(event(TransactionType::credit, 11), state).refusal, Refusal::balance_overflow);
    EXPECT_FALSE(post(event(TransactionType::credit, 10), state).refusal);
    EXPECT_EQ(state.balance_cents, balance_cents_max);
}

TEST(Posting, ASuspendedAccountTakesNothing) {
    AccountState state = account(100, 0, true);
    for (const auto type : {TransactionType::debit, TransactionType::credit})
        EXPECT_EQ(post(event(type, 1), state).refusal, Refusal::account_suspended);
    EXPECT_EQ(state.balance_cents, 100);
}

TEST(Posting, AnotherCurrencyIsRefusedBeforeTheBalanceIsLookedAt) {
    AccountState state = account(0);
    EXPECT_EQ(post(event(TransactionType::debit, 1, "USD"), state).refusal, Refusal::currency_mismatch);
}

}  // namespace
}  // namespace ledgerline
