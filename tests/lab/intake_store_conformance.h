// What every implementation of IntakeStore must do. Include it in one source file of a test program and instantiate
// IntakeStoreConformance there.
#pragma once

#include <thread>

#include "lab/store_fixture.h"

namespace ledgerline::test {

class IntakeStoreConformance : public StoreFixture {
protected:
    using Status = intake::IntakeResult::Status;

    void SetUp() override {
        StoreFixture::SetUp();
        store_ = database_->make_intake_store();
    }

    intake::IntakeItem item(const Uuid& account_id, std::int64_t amount_cents = 100) {
        intake::IntakeItem item;
        item.transaction_id = new_id();
        item.event_id = new_id();
        item.account_id = account_id;
        item.amount_cents = amount_cents;
        item.currency = "EUR";
        item.idempotency_key = item.transaction_id.to_string();
        return item;
    }
    // The same request under the same key, as a client sends it again.
    intake::IntakeItem again(const intake::IntakeItem& first) {
        intake::IntakeItem item = first;
        item.transaction_id = new_id();
        item.event_id = new_id();
        return item;
    }

    std::vector<intake::IntakeResult> accept(std::span<const intake::IntakeItem> items) {
        auto results = store_->accept(items);
        EXPECT_TRUE(results) << results.error().message;
        if (!results || results->size() != items.size()) return std::vector<intake::IntakeResult>(items.size());
        return *results;
    }
    intake::IntakeResult accept(const intake::IntakeItem& one) { return accept(std::span(&one, 1)).front(); }

    std::vector<Uuid> transactions_in(int lane) {
        std::vector<Uuid> ids;
        for (const Event& event : database_->events(lane)) ids.push_back(event.transaction_id);
        return ids;
    }

    std::unique_ptr<intake::IntakeStore> store_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(IntakeStoreConformance);

TEST_P(IntakeStoreConformance, StoresTheTransactionWithItsEvent) {
    const Uuid account = open_account(5);
    intake::IntakeItem sent = item(account, 777);
    sent.type = TransactionType::debit;
    sent.metadata = R"({"order": "7"})";
    sent.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const intake::IntakeResult result = accept(sent);
    EXPECT_EQ(result.status, Status::created);
    EXPECT_EQ(result.transaction_id, sent.transaction_id);
    EXPECT_EQ(result.lane, 5);
    EXPECT_EQ(result.seq, 1);

    ASSERT_EQ(database_->events(5).size(), 1u);
    const Event event = database_->events(5).front();
    EXPECT_EQ(event.event_id, sent.event_id);
    EXPECT_EQ(event.seq, 1);
    EXPECT_EQ(event.traceparent, sent.traceparent);
    EXPECT_EQ(event.transaction_id, sent.transaction_id);
    EXPECT_EQ(event.account_id, account);
    EXPECT_EQ(event.amount_cents, 777);
    EXPECT_EQ(event.currency, "EUR");
    EXPECT_EQ(event.type, TransactionType::debit);
    EXPECT_EQ(event.idempotency_key, sent.idempotency_key);
    EXPECT_EQ(event.metadata, sent.metadata);
    EXPECT_EQ(database_->lane(5).last_seq, 1);
}

TEST_P(IntakeStoreConformance, NumbersInTheOrderOfArrivalAcrossLanes) {
    // Lanes, accounts and ids all sort otherwise than the items arrive.
    const Uuid high = open_account(9), low = open_account(1), low_too = open_account(1);
    std::vector<intake::IntakeItem> items{item(high), item(low_too), item(low), item(high), item(low), item(low_too)};
    std::swap(items[0].transaction_id, items[3].transaction_id);
    std::swap(items[1].transaction_id, items[5].transaction_id);
    const auto results = accept(items);
    EXPECT_THAT(transactions_in(9), testing::ElementsAre(items[0].transaction_id, items[3].transaction_id));
    EXPECT_THAT(transactions_in(1), testing::ElementsAre(items[1].transaction_id, items[2].transaction_id,
                                                         items[4].transaction_id, items[5].transaction_id));
    EXPECT_EQ(results[2].seq, 2);
    EXPECT_EQ(results[5].seq, 4);
    EXPECT_EQ(database_->lane(9).last_seq, 2);
    EXPECT_EQ(database_->lane(1).last_seq, 4);
}

TEST_P(IntakeStoreConformance, EachItemIsJudgedOnItsOwnAndRefusalsLeaveNoHole) {
    const Uuid account = open_account(2), suspended = open_account(2);
    database_->suspend(suspended);
    intake::IntakeItem wrong_currency = item(account);
    wrong_currency.currency = "USD";
    const std::vector<intake::IntakeItem> items{item(new_id()), item(account), item(suspended), wrong_currency,
                                                item(account)};
    const auto results = accept(items);
    EXPECT_EQ(results[0].status, Status::account_not_found);
    EXPECT_EQ(results[1].status, Status::created);
    EXPECT_EQ(results[2].status, Status::account_suspended);
    EXPECT_EQ(results[3].status, Status::currency_mismatch);
    EXPECT_EQ(results[3].account_currency, "EUR");
    EXPECT_EQ(results[4].status, Status::created);
    EXPECT_EQ(results[4].seq, 2);
    EXPECT_EQ(database_->lane(2).last_seq, 2);
}

TEST_P(IntakeStoreConformance, ARefusalUsesUpNoKey) {
    const Uuid account = open_account(2);
    intake::IntakeItem wrong = item(account);
    wrong.currency = "USD";
    ASSERT_EQ(accept(wrong).status, Status::currency_mismatch);
    intake::IntakeItem right = again(wrong);
    right.currency = "EUR";
    EXPECT_EQ(accept(right).status, Status::created);

    intake::IntakeItem refused = item(account);
    refused.currency = "USD";
    intake::IntakeItem mended = again(refused);
    mended.currency = "EUR";
    EXPECT_EQ(accept(std::vector{refused, mended})[1].status, Status::created) << "also within one batch";
}

TEST_P(IntakeStoreConformance, TheSameKeyGivesTheSameTransaction) {
    intake::IntakeItem first = item(open_account(2));
    first.metadata = R"({"a":1,"b":2})";
    accept(first);
    intake::IntakeItem replay = again(first);
    replay.metadata = R"({"b":2.0,"a":1})";
    const intake::IntakeResult result = accept(replay);
    EXPECT_EQ(result.status, Status::replayed);
    EXPECT_EQ(result.transaction_id, first.transaction_id);
    EXPECT_EQ(database_->lane(2).last_seq, 1) << "a replay leaves no hole";
}

TEST_P(IntakeStoreConformance, TheSameKeyWithAnotherBodyIsRefused) {
    const Uuid account = open_account(2);
    const intake::IntakeItem first = item(account);
    accept(first);
    intake::IntakeItem other = again(first);
    ++other.amount_cents;
    EXPECT_EQ(accept(other).status, Status::key_reused);
    other = again(first);
    other.type = TransactionType::debit;
    EXPECT_EQ(accept(other).status, Status::key_reused);
    other = again(first);
    other.metadata = R"({"a":1})";
    EXPECT_EQ(accept(other).status, Status::key_reused);
    other = again(first);
    other.currency = "USD";
    EXPECT_EQ(accept(other).status, Status::key_reused);
    EXPECT_EQ(database_->lane(2).last_seq, 1);
}

TEST_P(IntakeStoreConformance, AKeyBelongsToItsAccount) {
    const intake::IntakeItem first = item(open_account(2));
    accept(first);
    intake::IntakeItem elsewhere = again(first);
    elsewhere.account_id = open_account(2);
    EXPECT_EQ(accept(elsewhere).status, Status::created);
}

TEST_P(IntakeStoreConformance, AReplayIsAnsweredAlsoWhenTheAccountIsSuspendedSince) {
    const Uuid account = open_account(2);
    const intake::IntakeItem first = item(account);
    accept(first);
    database_->suspend(account);
    EXPECT_EQ(accept(again(first)).status, Status::replayed);
}

TEST_P(IntakeStoreConformance, AKeyTwiceInOneBatchIsAcceptedOnce) {
    const Uuid account = open_account(2);
    const intake::IntakeItem first = item(account);
    intake::IntakeItem other_body = again(first);
    ++other_body.amount_cents;
    const std::vector<intake::IntakeItem> items{first, again(first), other_body, item(account)};
    const auto results = accept(items);
    EXPECT_EQ(results[0].status, Status::created);
    EXPECT_EQ(results[1].status, Status::replayed);
    EXPECT_EQ(results[1].transaction_id, first.transaction_id);
    EXPECT_EQ(results[2].status, Status::key_reused);
    EXPECT_EQ(results[3].status, Status::created);
    EXPECT_EQ(results[3].seq, 2);
}

TEST_P(IntakeStoreConformance, ABatchRunAgainAfterItsCommitFindsItsOwnRowsCreated) {
    const Uuid account = open_account(2);
    const std::vector<intake::IntakeItem> items{item(account), item(open_account(4)), item(account)};
    const auto first = accept(items);
    store_ = database_->make_intake_store();
    const auto second = accept(items);
    for (std::size_t i = 0; i < items.size(); ++i) {
        EXPECT_EQ(second[i].status, Status::created);
        EXPECT_EQ(second[i].seq, first[i].seq);
        EXPECT_EQ(second[i].lane, first[i].lane);
        EXPECT_EQ(second[i].created_at, first[i].created_at);
    }
    EXPECT_EQ(database_->lane(2).last_seq, 2);
}

TEST_P(IntakeStoreConformance, LanesStayDenseUnderConcurrentBatchesInAnyLaneOrder) {
    const std::vector<Uuid> accounts{open_account(0), open_account(6), open_account(11)};
    constexpr int kThreads = 3, kBatches = 15;
    std::vector<std::vector<intake::IntakeItem>> batches(kThreads * kBatches);
    for (std::size_t b = 0; b < batches.size(); ++b)
        for (std::size_t i = 0; i < 6; ++i) batches[b].push_back(item(accounts[(b * 7 + i * (b % 2 ? 1 : 2)) % 3]));
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            const auto store = database_->make_intake_store();
            for (std::size_t b = t; b < batches.size(); b += kThreads) {
                const auto results = store->accept(batches[b]);
                ASSERT_TRUE(results) << results.error().code << " " << results.error().message;
            }
        });
    for (std::thread& thread : threads) thread.join();
    std::size_t stored = 0;
    for (const int lane : {0, 6, 11}) {
        const auto events = database_->events(lane);
        for (std::size_t i = 0; i < events.size(); ++i) ASSERT_EQ(events[i].seq, static_cast<std::int64_t>(i) + 1);
        EXPECT_EQ(database_->lane(lane).last_seq, std::ssize(events));
        stored += events.size();
    }
    EXPECT_EQ(stored, batches.size() * 6);
}

TEST_P(IntakeStoreConformance, OneKeySentByManyAtOnceIsAcceptedOnce) {
    const intake::IntakeItem first = item(open_account(2));
    std::vector<intake::IntakeItem> copies;
    for (int i = 0; i < 4; ++i) copies.push_back(again(first));
    std::vector<intake::IntakeResult> results(copies.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < copies.size(); ++i)
        threads.emplace_back([&, i] {
            const auto accepted = database_->make_intake_store()->accept(std::span(&copies[i], 1));
            ASSERT_TRUE(accepted) << accepted.error().message;
            results[i] = accepted->front();
        });
    for (std::thread& thread : threads) thread.join();
    int created = 0;
    for (const intake::IntakeResult& result : results) {
        EXPECT_EQ(result.transaction_id, results[0].transaction_id);
        created += result.status == Status::created ? 1 : 0;
    }
    EXPECT_EQ(created, 1);
    EXPECT_EQ(database_->events(2).size(), 1u);
}

}  // namespace ledgerline::test
