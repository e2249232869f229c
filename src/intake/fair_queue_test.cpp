// IntakeQueue with several tenants: what each gets of a batch, and of a full queue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "intake/intake_queue.h"

namespace ledgerline::intake {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr SteadyTime kDeadline = SteadyTime(std::chrono::hours(1));
constexpr IntakeQueue::Size kTurn{64, 32'768};

class FairQueue : public testing::Test {
protected:
    explicit FairQueue(IntakeQueue::Size max = {1'000, 4'000'000}) : queue_(max, kTurn) {}

    // A request of so many rows, each with that much text.
    std::size_t push(int tenant, std::size_t rows, std::size_t text_bytes = 0) {
        std::vector<IntakeItem> items(rows);
        for (IntakeItem& item : items) {
            item.tenant = tenant;
            item.idempotency_key.assign(text_bytes, 'x');
        }
        return queue_.push(std::move(items), kDeadline, [this, tenant](const IntakeReply& reply) {
            for (const auto& answer : reply.answers)
                if (!answer) refused_[tenant].push_back(answer.error().message);
        });
    }
    void push_each(int tenant, std::size_t requests) {
        for (std::size_t i = 0; i < requests; ++i) push(tenant, 1);
    }
    // The rows of one batch, by tenant.
    std::map<int, std::size_t> take(std::size_t rows_max, std::size_t bytes_max = 262'144) {
        const auto batch = queue_.take({rows_max, bytes_max});
        std::map<int, std::size_t> rows;
        for (const IntakeItem& item : batch->items) ++rows[item.tenant];
        return rows;
    }

    IntakeQueue queue_;
    std::map<int, std::vector<std::string>> refused_;
};

class SmallFairQueue : public FairQueue {
protected:
    SmallFairQueue() : FairQueue({12, 4'000'000}) {}
};

TEST_F(FairQueue, OneTenantAloneHasTheWholeBatch) {
    push_each(7, 150);
    EXPECT_THAT(take(100), ElementsAre(Pair(7, 100)));
    EXPECT_THAT(take(100), ElementsAre(Pair(7, 50)));
}

TEST_F(FairQueue, WhoSendsLittleIsInTheNextBatch) {
    push_each(1, 900);
    take(100);
    push_each(2, 3);
    EXPECT_THAT(take(100), ElementsAre(Pair(1, 97), Pair(2, 3)));
}

TEST_F(FairQueue, TenantsThatWaitShareABatchEvenly) {
    push_each(1, 400);
    push_each(2, 200);
    push_each(3, 100);
    const auto batch = take(90);
    for (int tenant = 1; tenant <= 3; ++tenant) EXPECT_NEAR(static_cast<double>(batch.at(tenant)), 30, 2);
}

TEST_F(FairQueue, ALargeRequestIsNoLargerPart) {
    push(1, 300);
    push_each(2, 100);
    const auto batch = take(80);
    EXPECT_NEAR(static_cast<double>(batch.at(1)), 40, 1);
    EXPECT_NEAR(static_cast<double>(batch.at(2)), 40, 1);
}

// Rows that are larger than what the tenant may take are paid off in later batches.
TEST_F(FairQueue, LargeRowsCountByTheirBytes) {
    for (int i = 0; i < 60; ++i) push(1, 1, 20'000);
    push_each(2, 500);
    std::size_t large = 0, small = 0;
    for (int i = 0; i < 5; ++i) {
        const auto batch = take(100, 100'000);
        large += batch.contains(1) ? batch.at(1) : 0;
        small += batch.contains(2) ? batch.at(2) : 0;
    }
    EXPECT_GE(small, 200u);
    EXPECT_GE(large, 10u);
    EXPECT_LE(large, 15u);
}

TEST_F(FairQueue, WhoTookMoreThanItsPartWaitsForTheOthers) {
    std::vector<IntakeItem> chain(60);
    for (IntakeItem& item : chain) item.tenant = 1, item.follows = Effect{};
    chain.front().follows.reset();
    queue_.push(std::move(chain), kDeadline, [](const IntakeReply&) {});
    push_each(1, 50);
    push_each(2, 200);
    EXPECT_EQ(take(20).at(1), 60u);
    const auto next = take(20);
    EXPECT_FALSE(next.contains(1));
    EXPECT_EQ(next.at(2), 20u);
}

TEST_F(SmallFairQueue, AFullQueueRefusesTheTenantThatFilledIt) {
    push_each(1, 12);
    EXPECT_EQ(push(1, 1), 0u);
    EXPECT_THAT(refused_[1], ElementsAre("too many transactions wait to be accepted"));
}

TEST_F(SmallFairQueue, AFullQueueHasRoomForThePartOfEveryTenant) {
    push_each(1, 12);
    EXPECT_EQ(push(2, 1), 1u);
    EXPECT_EQ(push(2, 5), 5u);
    EXPECT_THAT(refused_[2], IsEmpty());
    EXPECT_THAT(refused_[1], testing::SizeIs(6));
    EXPECT_THAT(refused_[1], testing::Each("too many transactions of this tenant wait to be accepted"));
    EXPECT_EQ(push(2, 1), 0u) << "more than its part";
    EXPECT_THAT(refused_[2], ElementsAre("too many transactions of this tenant wait to be accepted"));
    EXPECT_EQ(queue_.waiting().size.rows, 12u);
    EXPECT_EQ(queue_.waiting().tenants, 2u);
    EXPECT_THAT(take(12), ElementsAre(Pair(1, 6), Pair(2, 6)));
    EXPECT_EQ(queue_.waiting().tenants, 0u);
    EXPECT_EQ(queue_.waiting().size.bytes, 0u);
}

// The oldest rows stay: those that came after them have waited less.
TEST_F(SmallFairQueue, TheNewestRowsGiveWay) {
    push(1, 7);
    push(1, 5);
    EXPECT_EQ(push(2, 2), 5u);
    EXPECT_THAT(take(12), ElementsAre(Pair(1, 7), Pair(2, 2)));
}

// What a request has left after a turn has waited longer than any that has had none.
TEST_F(SmallFairQueue, TheRestOfABegunRequestStays) {
    push(1, 9);
    EXPECT_THAT(take(2), ElementsAre(Pair(1, 2)));
    push(1, 5);
    EXPECT_EQ(push(2, 3), 5u);
    EXPECT_THAT(take(12), ElementsAre(Pair(1, 7), Pair(2, 3)));
}

TEST_F(SmallFairQueue, NobodyGivesWayToWhatIsRefusedAnyway) {
    push_each(1, 12);
    EXPECT_EQ(push(2, 7), 0u);
    EXPECT_THAT(refused_[2], testing::SizeIs(7));
    EXPECT_THAT(refused_[1], IsEmpty());
}

TEST_F(FairQueue, ATenantWhoseRequestsExpiredHasNoTurn) {
    push_each(1, 3);
    queue_.expire(kDeadline);
    push_each(2, 3);
    EXPECT_EQ(queue_.waiting().tenants, 1u);
    EXPECT_THAT(take(10), ElementsAre(Pair(2, 3)));
}

}  // namespace
}  // namespace ledgerline::intake
