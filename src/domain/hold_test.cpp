#include "domain/hold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ledgerline {
namespace {

constexpr WallTime kExpiry{std::chrono::seconds(1'000)};
constexpr WallTime kInTime = kExpiry - std::chrono::microseconds(1);

struct Scene {
    AccountState payer{.id = {}, .currency = "EUR", .balance_cents = 100, .held_cents = 60};
    AccountState payee{.id = {}, .currency = "EUR"};
    Hold hold{.status = HoldStatus::open, .amount_cents = 60, .expires_at = kExpiry};

    Posting capture(std::int64_t cents, bool final, WallTime at = kInTime) {
        Touch touches[] = {{&payer, -cents, "EUR"}, {&payee, cents, "EUR"}};
        return post(hold, {TransactionType::capture, cents, final, false, at}, touches).front();
    }
    Posting release(bool by_expiry = false) {
        Touch touches[] = {{&payer, 0, "EUR"}};
        return post(hold, {TransactionType::release, 60, true, by_expiry, kExpiry}, touches).front();
    }
};

TEST(Hold, IsTakenInPartsUntilTheLastOneReleasesTheRest) {
    Scene scene;
    EXPECT_EQ(scene.capture(20, false).held_delta_cents, -20);
    EXPECT_EQ(scene.hold, (Hold{HoldStatus::open, 60, 20, 0, kExpiry}));
    EXPECT_EQ(scene.capture(41, true).refusal, Refusal::capture_exceeds_hold);
    const Posting last = scene.capture(10, true);
    EXPECT_EQ(last.held_delta_cents, -40);
    EXPECT_EQ(last.held_after_cents, 0);
    EXPECT_EQ(scene.hold, (Hold{HoldStatus::captured, 60, 30, 30, kExpiry}));
    EXPECT_EQ(scene.payer.balance_cents, 70);
    EXPECT_EQ(scene.payee.balance_cents, 30);
    EXPECT_EQ(scene.capture(1, true).refusal, Refusal::hold_closed);
    EXPECT_EQ(scene.release().refusal, Refusal::hold_closed);
}

TEST(Hold, TakenToTheLastCentIsCaptured) {
    Scene scene;
    EXPECT_FALSE(scene.capture(60, false).refusal);
    EXPECT_EQ(scene.hold.status, HoldStatus::captured);
}

TEST(Hold, IsJudgedByWhenTheCaptureWasAccepted) {
    Scene scene;
    EXPECT_EQ(scene.capture(1, false, kExpiry).refusal, Refusal::hold_expired);
    EXPECT_EQ(scene.payer.held_cents, 60) << "only its release gives back what it holds";
    EXPECT_FALSE(scene.capture(1, false, kInTime).refusal);
    EXPECT_FALSE(scene.release(true).refusal);
    EXPECT_EQ(scene.hold, (Hold{HoldStatus::captured, 60, 1, 59, kExpiry}));
}

TEST(Hold, EndsByExpiryOrByRelease) {
    Scene expired, released;
    expired.release(true);
    released.release();
    EXPECT_EQ(expired.hold.status, HoldStatus::expired);
    EXPECT_EQ(released.hold.status, HoldStatus::released);
    EXPECT_EQ(expired.payer.held_cents, 0);
    EXPECT_EQ(expired.payer.balance_cents, 100);
}

TEST(Hold, OfASuspendedAccountIsReleasedButNotCaptured) {
    Scene scene;
    scene.payer.status = AccountStatus::suspended;
    EXPECT_EQ(scene.capture(1, true).refusal, Refusal::account_suspended);
    EXPECT_EQ(scene.hold.status, HoldStatus::open);
    EXPECT_FALSE(scene.release().refusal);
}

TEST(Hold, TakesOnlyWhatIsAvailable) {
    AccountState account{.id = {}, .currency = "EUR", .balance_cents = 100, .min_balance_cents = -10, .held_cents = 60};
    const auto open = [&](std::int64_t cents, WallTime at = kInTime) {
        Hold hold{.amount_cents = cents, .expires_at = kExpiry};
        Touch touches[] = {{&account, 0, "EUR"}};
        const auto refusal =
            post(hold, {.type = TransactionType::hold, .amount_cents = cents, .accepted_at = at}, touches)
                .front()
                .refusal;
        EXPECT_EQ(hold.status, refusal ? HoldStatus::failed : HoldStatus::open);
        return refusal;
    };
    EXPECT_EQ(open(51), Refusal::insufficient_balance);
    EXPECT_EQ(open(1, kExpiry), Refusal::hold_expired);
    EXPECT_FALSE(open(50));
    EXPECT_EQ(account.held_cents, 110);
    const Touch debit{&account, -1, "EUR"};
    EXPECT_EQ(post(std::span(&debit, 1)).front().refusal, Refusal::insufficient_balance);
}

TEST(Hold, NeedsADecidedParent) {
    Scene undecided, failed;
    undecided.hold.status = HoldStatus::undecided;
    failed.hold.status = HoldStatus::failed;
    EXPECT_EQ(undecided.capture(1, true).refusal, Refusal::parent_undecided);
    EXPECT_EQ(failed.release().refusal, Refusal::hold_failed);
}

TEST(Hold, HasAKeyOfItsOwnForItsExpiry) {
    const Uuid id = *Uuid::parse("0190a000-0000-7000-8000-00000000002a");
    EXPECT_EQ(expiry_key(id), "expire:0190a000-0000-7000-8000-00000000002a");
    EXPECT_TRUE(is_expiry_key(expiry_key(id)));
    for (const char* key : {"expire:", "expire:soon", "0190a000-0000-7000-8000-00000000002a", ""})
        EXPECT_FALSE(is_expiry_key(key)) << key;
}

}  // namespace
}  // namespace ledgerline
