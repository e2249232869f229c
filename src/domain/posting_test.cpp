#include "domain/posting.h"

#include <gtest/gtest.h>

#include "base/money.h"

namespace ledgerline {
namespace {

AccountState account(std::int64_t balance_cents, std::int64_t min_balance_cents = 0,
                     AccountStatus status = AccountStatus::active) {
    return {{}, "EUR", balance_cents, min_balance_cents, status};
}

Posting post_one(AccountState& state, std::int64_t net_cents, const char* currency = "EUR") {
    return post(std::vector<Touch>{{&state, net_cents, currency}}).front();
}

TEST(Posting, MovesTheBalance) {
    AccountState state = account(100);
    EXPECT_EQ(post_one(state, 50).balance_after_cents, 150);
    EXPECT_EQ(post_one(state, -150).balance_after_cents, 0);
    EXPECT_EQ(state.balance_cents, 0);
}

TEST(Posting, ADebitMayReachTheFloorButNotCrossIt) {
    AccountState state = account(100, -50);
    const Posting refused = post_one(state, -151);
    EXPECT_EQ(refused.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(refused.balance_after_cents, 100);
    EXPECT_TRUE(refused.failure_reason.starts_with("insufficient balance"));
    EXPECT_FALSE(post_one(state, -150).refusal);
    EXPECT_EQ(state.balance_cents, -50);
}

TEST(Posting, ACreditMayReachTheCeilingButNotCrossIt) {
    AccountState state = account(balance_cents_max - 10);
    EXPECT_EQ(post_one(state, 11).refusal, Refusal::balance_overflow);
    EXPECT_FALSE(post_one(state, 10).refusal);
    EXPECT_EQ(state.balance_cents, balance_cents_max);
}

TEST(Posting, ASuspendedAccountTakesNothing) {
    AccountState state = account(100, 0, AccountStatus::suspended);
    for (const std::int64_t net_cents : {-1, 0, 1})
        EXPECT_EQ(post_one(state, net_cents).refusal, Refusal::account_suspended);
    EXPECT_EQ(state.balance_cents, 100);
}

TEST(Posting, AClosedAccountTakesNothingNotEvenWhatASuspendedOneTakes) {
    AccountState state = account(0, 0, AccountStatus::closed);
    for (const bool even_suspended : {false, true}) {
        const std::vector<Touch> touches{{&state, 1, "USD", 0, even_suspended}};
        EXPECT_EQ(post(touches).front().refusal, Refusal::account_closed);
    }
    EXPECT_EQ(state.balance_cents, 0);
}

TEST(Posting, ACreditMayReachTheAccountsOwnCeilingButNotCrossIt) {
    AccountState state = account(0, -100);
    state.max_balance_cents = 50;
    const Posting refused = post_one(state, 51);
    EXPECT_EQ(refused.refusal, Refusal::balance_limit_exceeded);
    EXPECT_EQ(refused.failure_reason, "balance limit exceeded: the balance would be 51, and may not exceed 50");
    EXPECT_FALSE(post_one(state, 50).refusal);
    state.max_balance_cents = -20;  // lowered below the balance: it only keeps out what raises that
    EXPECT_FALSE(post_one(state, 0).refusal);
    EXPECT_FALSE(post_one(state, -10).refusal);
    EXPECT_EQ(post_one(state, 1).refusal, Refusal::balance_limit_exceeded);
}

TEST(Posting, AFloorAboveZeroKeepsWhatItNames) {
    AccountState state = account(100, 60);
    EXPECT_EQ(post_one(state, -41).refusal, Refusal::insufficient_balance);
    EXPECT_FALSE(post_one(state, -40).refusal);
    state.min_balance_cents = 80;  // raised above the balance: it only blocks further debits
    EXPECT_EQ(post_one(state, -1).failure_reason, "insufficient balance: 0 available, 1 needed");
    EXPECT_FALSE(post_one(state, 5).refusal);
}

TEST(Posting, AnotherCurrencyIsRefusedBeforeTheBalanceIsLookedAt) {
    AccountState state = account(0);
    EXPECT_EQ(post_one(state, -1, "USD").refusal, Refusal::currency_mismatch);
}

TEST(Posting, AnAccountBelowItsFloorTakesWhatDoesNotLowerIt) {
    AccountState state = account(-80, -50);
    EXPECT_FALSE(post_one(state, 0).refusal);
    EXPECT_FALSE(post_one(state, 10).refusal);
    EXPECT_EQ(post_one(state, -1).refusal, Refusal::insufficient_balance);
}

TEST(Posting, AllAccountsTakeTheirEffectOrNone) {
    AccountState from = account(100), fees = account(5), to = account(balance_cents_max);
    const std::vector<Touch> touches{{&from, -100, "EUR"}, {&fees, 1, "EUR"}, {&to, 99, "EUR"}};
    const auto refused = post(touches);
    ASSERT_EQ(refused.size(), 3u);
    for (const Posting& posting : refused) EXPECT_EQ(posting.refusal, Refusal::balance_overflow);
    EXPECT_EQ(refused[0].balance_after_cents, 100);
    EXPECT_TRUE(refused[0].failure_reason.starts_with("account " + to.id.to_string()));
    EXPECT_EQ(from.balance_cents, 100);
    EXPECT_EQ(fees.balance_cents, 5);

    to.balance_cents = 0;
    const auto posted = post(touches);
    for (const Posting& posting : posted) EXPECT_FALSE(posting.refusal);
    EXPECT_EQ(posted[1].balance_after_cents, 6);
    EXPECT_EQ(from.balance_cents, 0);
    EXPECT_EQ(to.balance_cents, 99);
}

TEST(Posting, TheFirstAccountThatDoesNotTakeItsEffectNamesTheRefusal) {
    AccountState poor = account(0), suspended = account(0, 0, AccountStatus::suspended);
    EXPECT_EQ(post(std::vector<Touch>{{&poor, -1, "EUR"}, {&suspended, 1, "EUR"}}).back().refusal,
              Refusal::insufficient_balance);
    EXPECT_EQ(post(std::vector<Touch>{{&suspended, 1, "EUR"}, {&poor, -1, "EUR"}}).back().refusal,
              Refusal::account_suspended);
}

TEST(Posting, ADiscardChangesNothing) {
    AccountState from = account(100), to = account(0);
    for (const Posting& posting : discard(std::vector<Touch>{{&from, -1, "EUR"}, {&to, 1, "EUR"}}))
        EXPECT_EQ(posting.refusal, Refusal::discarded);
    EXPECT_EQ(from.balance_cents, 100);
}

}  // namespace
}  // namespace ledgerline
