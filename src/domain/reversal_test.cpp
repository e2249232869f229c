#include "domain/reversal.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

using Status = NamedTransaction::Status;

class Reversal : public testing::Test {
protected:
    std::optional<Refusal> reverse(std::int64_t cents) {
        const Touch touch{.account = &account_, .net_cents = -cents, .currency = "EUR"};
        return post_reversal(reversed_, cents, std::span(&touch, 1)).front().refusal;
    }

    AccountState account_{.id = {}, .currency = "EUR", .balance_cents = 70};
    NamedTransaction reversed_{Status::processed, 100, 20};
};

TEST_F(Reversal, TakesBackWhatIsLeft) {
    EXPECT_EQ(reverse(81), Refusal::reversal_exceeds_transaction);
    EXPECT_EQ(reverse(30), std::nullopt);
    EXPECT_EQ(reversed_.reversed_cents, 50);
    EXPECT_EQ(account_.balance_cents, 40);
}

TEST_F(Reversal, ThatAnAccountDoesNotTakeChangesNothing) {
    EXPECT_EQ(reverse(71), Refusal::insufficient_balance);
    EXPECT_EQ(reversed_.reversed_cents, 20);
    EXPECT_EQ(account_.balance_cents, 70);
}

TEST_F(Reversal, NeedsATransactionThatWasProcessed) {
    reversed_.status = Status::undecided;
    EXPECT_EQ(reverse(1), Refusal::parent_undecided);
    reversed_.status = Status::failed;
    EXPECT_EQ(reverse(1), Refusal::transaction_failed);
}

TEST(Reversible, IsWhatMovesMoneyOnce) {
    for (const auto type :
         {TransactionType::debit, TransactionType::credit, TransactionType::transfer, TransactionType::capture})
        EXPECT_TRUE(is_reversible(type));
    for (const auto type : {TransactionType::hold, TransactionType::release, TransactionType::reversal})
        EXPECT_FALSE(is_reversible(type));
}

}  // namespace
}  // namespace ledgerline
