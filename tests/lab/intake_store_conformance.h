// What every implementation of IntakeStore must do. Include it in one source file of a test program and instantiate
// IntakeStoreConformance there.
#pragma once

#include <map>
#include <thread>

#include "base/jsonb.h"
#include "lab/store_fixture.h"

namespace ledgerline::test {

class IntakeStoreConformance : public StoreFixture {
protected:
    using Status = intake::IntakeResult::Status;

    void SetUp() override {
        StoreFixture::SetUp();
        store_ = database_->make_intake_store();
    }

    std::vector<intake::IntakeResult> accept(std::span<const intake::IntakeItem> items) {
        auto results = store_->accept(items);
        EXPECT_TRUE(results) << results.error().message;
        if (!results || results->size() != items.size()) return std::vector<intake::IntakeResult>(items.size());
        return *results;
    }
    intake::IntakeResult accept(const intake::IntakeItem& one) { return accept(std::span(&one, 1)).front(); }

    // Every thread with a store of its own takes every so many-th batch.
    void accept_at_once(const std::vector<std::vector<intake::IntakeItem>>& batches, std::size_t thread_count) {
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < thread_count; ++t)
            threads.emplace_back([&, t] {
                const auto store = database_->make_intake_store();
                for (std::size_t b = t; b < batches.size(); b += thread_count) {
                    const auto results = store->accept(batches[b]);
                    ASSERT_TRUE(results) << results.error().code << " " << results.error().message;
                }
            });
        for (std::thread& thread : threads) thread.join();
    }

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
    database_->set_status(suspended, AccountStatus::suspended);
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

TEST_P(IntakeStoreConformance, AClosedAccountTakesNothingButWhatTheDecisionMustRefuse) {
    const Uuid closed = open_account(2), good = open_account(3);
    database_->set_status(closed, AccountStatus::closed);
    const std::vector<intake::IntakeItem> items{item(closed), item(good), transfer({{good, closed, 1, "EUR"}})};
    const auto results = accept(items);
    EXPECT_EQ(results[0].status, Status::account_closed);
    EXPECT_EQ(results[0].account_id, closed);
    EXPECT_EQ(results[1].status, Status::created);
    EXPECT_EQ(results[2].status, Status::account_closed);
    EXPECT_EQ(results[2].account_id, closed);
    EXPECT_TRUE(database_->events(2).empty());
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
    intake::IntakeItem corrected = again(refused);
    corrected.currency = "EUR";
    EXPECT_EQ(accept(std::vector{refused, corrected})[1].status, Status::created) << "also within one batch";
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
    database_->set_status(account, AccountStatus::suspended);
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
    accept_at_once(batches, kThreads);
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

// Transfers ----------------------------------------------------------------------------------------------------------

TEST_P(IntakeStoreConformance, ATransferGetsAPlaceInTheLaneOfEveryAccountThatItTouches) {
    const Uuid from = open_account(5), to = open_account(2), fees = open_account(5);
    intake::IntakeItem sent = transfer({{from, to, 100, "EUR"}, {to, fees, 3, "EUR"}});
    sent.metadata = R"({"order": 7})";
    ASSERT_EQ(accept(item(to)).seq, 1);
    const intake::IntakeResult result = accept(sent);
    EXPECT_EQ(result.status, Status::created);
    EXPECT_EQ(result.lane, 5);
    EXPECT_EQ(result.seq, 1);

    const auto paying = database_->events(5), paid = database_->events(2);
    ASSERT_EQ(paying.size(), 2u) << "adjacent where they fall into one lane";
    ASSERT_EQ(paid.size(), 2u);
    const auto expect_place = [&](const Event& event, const Uuid& account, std::int64_t net_cents, bool is_first) {
        EXPECT_EQ(event.event_id, sent.event_id);
        EXPECT_EQ(event.transaction_id, sent.transaction_id);
        EXPECT_EQ(event.account_id, account);
        EXPECT_EQ(event.net_cents, net_cents);
        EXPECT_EQ(event.places, 3);
        EXPECT_EQ(event.is_first, is_first);
        EXPECT_EQ(event.type, TransactionType::transfer);
        EXPECT_EQ(event.amount_cents, 103);
        EXPECT_EQ(event.schema_version, event_schema_version_with_legs);
        EXPECT_TRUE(event.legs && json::is_same_jsonb(*event.legs, legs_json(sent.legs)));
        EXPECT_EQ(event.metadata.has_value(), is_first);
    };
    expect_place(paying[0], from, -100, true);
    expect_place(paying[1], fees, 3, false);
    expect_place(paid[1], to, 97, false);
}

TEST_P(IntakeStoreConformance, WhatIsHandedOverIsWhatThePublisherWouldRead) {
    const Uuid a = open_account(3), b = open_account(4), c = open_account(3);
    intake::IntakeItem full = item(a),
                       sent = transfer({{a, b, 100, "EUR"}, {b, c, 3, "EUR"}, {c, std::nullopt, 1, "EUR"}});
    full.metadata = sent.metadata = R"({"order": 7})";
    full.reference = sent.reference = "ref";
    full.traceparent = sent.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    intake::IntakeItem hold = item(a), capture = item(a), release = item(a);
    hold.type = TransactionType::hold;
    hold.terms = R"({"expires_in_s": 60})";
    capture.type = TransactionType::capture;
    capture.terms = R"({"final": true})";
    set_legs(capture, {{a, b, 5, "EUR"}});
    release.type = TransactionType::release;
    capture.parent_id = release.parent_id = hold.transaction_id;
    intake::IntakeItem follower = item(c), beside = transfer({{a, c, 1, "EUR"}}), back = item(a);
    follow(follower, release);  // with a place of its own at a
    follow(beside, follower);
    beside.dated = WallTime(std::chrono::seconds(1'600'000'000));
    back.type = TransactionType::reversal;
    back.parent_id = sent.transaction_id;
    back.terms = R"({"reason": "returned"})";
    set_legs(back, {{b, a, 100, "EUR"}, {c, b, 3, "EUR"}, {std::nullopt, c, 1, "EUR"}});
    const std::vector<intake::IntakeItem> items{full, sent, item(b), hold, capture, release, follower, beside, back};
    const auto results = accept(items);
    std::vector<Event> handed;
    for (std::size_t i = 0; i < items.size(); ++i)
        std::ranges::move(events_of(items[i], results[i]), std::back_inserter(handed));
    const auto outbox = database_->make_outbox_store();
    const auto read = outbox->read(std::vector<publish::Lease>{{3, 1, 0}, {4, 1, 0}}, 20);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_THAT(handed, testing::UnorderedElementsAreArray(*read));
    EXPECT_EQ(read->size(), 16u);
}

TEST_P(IntakeStoreConformance, TransfersAreNumberedInOneOrderInAllTheirLanes) {
    const Uuid a = open_account(9), b = open_account(1), c = open_account(4);
    const std::vector<intake::IntakeItem> items{transfer({{a, b, 1, "EUR"}}), transfer({{b, a, 1, "EUR"}}), item(b),
                                                transfer({{c, a, 1, "EUR"}}), transfer({{b, c, 1, "EUR"}})};
    for (const auto& result : accept(items)) EXPECT_EQ(result.status, Status::created);
    const auto id = [&](std::size_t i) { return items[i].transaction_id; };
    EXPECT_THAT(transactions_in(9), testing::ElementsAre(id(0), id(1), id(3)));
    EXPECT_THAT(transactions_in(1), testing::ElementsAre(id(0), id(1), id(2), id(4)));
    EXPECT_THAT(transactions_in(4), testing::ElementsAre(id(3), id(4)));
    EXPECT_EQ(database_->lane(1).last_seq, 4);
}

TEST_P(IntakeStoreConformance, ATransferIsRefusedForAnyOfItsAccountsAndLeavesNothing) {
    const Uuid good = open_account(2), suspended = open_account(3), missing = new_id();
    database_->set_status(suspended, AccountStatus::suspended);
    const std::vector<intake::IntakeItem> items{
        transfer({{good, suspended, 1, "EUR"}}), transfer({{good, missing, 1, "EUR"}}),
        transfer({{good, std::nullopt, 1, "EUR"}, {std::nullopt, suspended, 1, "EUR"}}),
        transfer({{good, std::nullopt, 1, "USD"}}), item(good)};
    const auto results = accept(items);
    EXPECT_EQ(results[0].status, Status::account_suspended);
    EXPECT_EQ(results[0].account_id, suspended);
    EXPECT_EQ(results[1].status, Status::account_not_found);
    EXPECT_EQ(results[1].account_id, missing);
    EXPECT_EQ(results[2].status, Status::account_suspended);
    EXPECT_EQ(results[3].status, Status::currency_mismatch);
    EXPECT_EQ(results[3].account_id, good);
    EXPECT_EQ(results[4].seq, 1);
    EXPECT_TRUE(database_->events(3).empty());
}

// Followers ----------------------------------------------------------------------------------------------------------

TEST_P(IntakeStoreConformance, AFollowerHasAPlaceBehindWhatItFollows) {
    const Uuid a = open_account(5), b = open_account(2);
    const intake::IntakeItem first = item(a);
    intake::IntakeItem second = item(b), third = transfer({{b, a, 7, "EUR"}});
    follow(second, first);
    follow(third, second);
    const auto results = accept(std::vector{first, second, third});
    EXPECT_EQ(results[1].previous_id, first.transaction_id);
    EXPECT_EQ(results[2].previous_id, second.transaction_id);
    EXPECT_THAT(transactions_in(5),
                testing::ElementsAre(first.transaction_id, second.transaction_id, third.transaction_id));
    EXPECT_THAT(transactions_in(2), testing::ElementsAre(second.transaction_id, third.transaction_id));
    const Event place = database_->events(5)[1];
    EXPECT_EQ(place.account_id, a);
    EXPECT_EQ(place.net_cents, 0);
    EXPECT_EQ(place.places, 2);
    EXPECT_FALSE(place.is_first);
    EXPECT_EQ(place.previous_id, first.transaction_id);
    EXPECT_EQ(place.schema_version, event_schema_version_of_chains);
    EXPECT_EQ(database_->events(5)[2].places, 2) << "it has its place there already";
}

TEST_P(IntakeStoreConformance, AFollowerIsAcceptedOnlyWithWhatItFollows) {
    const Uuid good = open_account(5), suspended = open_account(2);
    database_->set_status(suspended, AccountStatus::suspended);
    const intake::IntakeItem refused = item(suspended);
    intake::IntakeItem second = item(good), third = item(good);
    follow(second, refused);
    follow(third, second);
    const auto results = accept(std::vector{refused, second, third, item(good)});
    EXPECT_EQ(results[0].status, Status::account_suspended);
    EXPECT_EQ(results[1].status, Status::previous_refused);
    EXPECT_EQ(results[2].status, Status::previous_refused);
    EXPECT_EQ(results[3].status, Status::created);
    EXPECT_EQ(database_->events(5).size(), 1u);
}

TEST_P(IntakeStoreConformance, AChainSentAgainIsReplayedWhole) {
    const Uuid a = open_account(5), b = open_account(2);
    const intake::IntakeItem first = item(a);
    intake::IntakeItem second = item(b);
    follow(second, first);
    accept(std::vector{first, second});
    const auto replayed = accept(std::vector{again(first), again(second)});
    EXPECT_EQ(replayed[0].status, Status::replayed);
    EXPECT_EQ(replayed[1].status, Status::replayed);
    EXPECT_EQ(replayed[1].transaction_id, second.transaction_id);
    // With its own ids it is the first try of the same batch.
    EXPECT_EQ(accept(std::vector{first, second})[1].status, Status::created);

    intake::IntakeItem behind = item(a);
    follow(behind, first);
    const auto results = accept(std::vector{again(first), behind});
    EXPECT_EQ(results[1].status, Status::created);
    EXPECT_EQ(results[1].previous_id, first.transaction_id) << "what the item before it replays";

    intake::IntakeItem alone = again(second);
    alone.follows.reset();
    EXPECT_EQ(accept(alone).status, Status::key_reused);
    const intake::IntakeItem other = item(a);
    EXPECT_EQ(accept(std::vector{other, again(second)})[1].status, Status::key_reused) << "it follows another one";
}

TEST_P(IntakeStoreConformance, AFollowerIsNotTakenForWhatTheOtherAccountHasUnderItsKey) {
    const Uuid a = open_account(5), b = open_account(2);
    const intake::IntakeItem known = item(a), first = item(a);
    accept(known);
    intake::IntakeItem second = item(b);
    second.idempotency_key = known.idempotency_key;
    follow(second, first);
    const auto results = accept(std::vector{first, second});
    EXPECT_EQ(results[1].status, Status::created);
    EXPECT_EQ(results[1].transaction_id, second.transaction_id);
}

TEST_P(IntakeStoreConformance, AnotherDateIsAnotherRequest) {
    intake::IntakeItem dated = item(open_account(5));
    dated.dated = WallTime(std::chrono::seconds(1'600'000'000));
    EXPECT_EQ(accept(dated).status, Status::created);
    EXPECT_EQ(accept(again(dated)).status, Status::replayed);
    intake::IntakeItem other = again(dated);
    other.dated.reset();
    EXPECT_EQ(accept(other).status, Status::key_reused);
    EXPECT_EQ(database_->events(5).front().dated, dated.dated);
}

TEST_P(IntakeStoreConformance, ATransferOfOneAccountIsATransfer) {
    const Uuid account = open_account(2);
    EXPECT_EQ(accept(transfer({{std::nullopt, account, 5, "EUR"}})).status, Status::created);
    ASSERT_EQ(database_->events(2).size(), 1u);
    EXPECT_EQ(database_->events(2).front().net_cents, 5);
    EXPECT_EQ(database_->events(2).front().places, 1);
}

TEST_P(IntakeStoreConformance, TheSameLegsInAnyOrderAreTheSameTransfer) {
    const Uuid a = open_account(9), b = open_account(1), c = open_account(1);
    const intake::IntakeItem first = transfer({{a, b, 1, "EUR"}, {c, a, 2, "EUR"}, {a, b, 1, "EUR"}});
    accept(first);
    intake::IntakeItem turned = again(first);
    set_legs(turned, {first.legs[1], first.legs[0], first.legs[2]});
    ASSERT_EQ(turned.account_id, c) << "under another first account";
    EXPECT_EQ(accept(turned).status, Status::replayed);
    EXPECT_EQ(accept(turned).transaction_id, first.transaction_id);
    EXPECT_EQ(accept(again(first)).status, Status::replayed);

    intake::IntakeItem fewer = again(first);
    set_legs(fewer, {first.legs[0], first.legs[1], {a, b, 2, "EUR"}});
    EXPECT_EQ(accept(fewer).status, Status::key_reused);
    intake::IntakeItem single = item(a, 4);
    single.idempotency_key = first.idempotency_key;
    EXPECT_EQ(accept(single).status, Status::key_reused);
    EXPECT_EQ(database_->lane(9).last_seq, 1);
    EXPECT_EQ(database_->lane(1).last_seq, 2);
}

TEST_P(IntakeStoreConformance, TheSameTransferTwiceInOneBatchIsAcceptedOnce) {
    const Uuid a = open_account(9), b = open_account(1);
    const intake::IntakeItem first = transfer({{a, b, 1, "EUR"}, {b, a, 2, "EUR"}});
    intake::IntakeItem turned = again(first);
    set_legs(turned, {first.legs[1], first.legs[0]});
    const auto results = accept(std::vector{first, turned, again(first)});
    EXPECT_EQ(results[0].status, Status::created);
    EXPECT_EQ(results[1].status, Status::replayed);
    EXPECT_EQ(results[1].transaction_id, first.transaction_id);
    EXPECT_EQ(results[2].status, Status::replayed);
    EXPECT_EQ(database_->lane(9).last_seq, 1);
}

TEST_P(IntakeStoreConformance, AnotherTransferMayHaveTheKeyUnderAFurtherAccount) {
    const Uuid a = open_account(9), b = open_account(1), c = open_account(4);
    const intake::IntakeItem first = transfer({{b, c, 1, "EUR"}});
    accept(first);
    intake::IntakeItem other = transfer({{a, b, 1, "EUR"}});
    other.idempotency_key = first.idempotency_key;
    EXPECT_EQ(accept(other).status, Status::created) << "the scope of a key is the first account";
    EXPECT_EQ(accept(again(other)).status, Status::replayed);
    EXPECT_EQ(accept(again(first)).transaction_id, first.transaction_id);
}

TEST_P(IntakeStoreConformance, ABatchOfTransfersRunAgainAfterItsCommitFindsItsOwnRowsCreated) {
    const Uuid a = open_account(2), b = open_account(4);
    const std::vector<intake::IntakeItem> items{transfer({{a, b, 1, "EUR"}}), item(b), transfer({{b, a, 1, "EUR"}})};
    const auto first = accept(items);
    store_ = database_->make_intake_store();
    const auto second = accept(items);
    for (std::size_t i = 0; i < items.size(); ++i) {
        EXPECT_EQ(second[i].status, Status::created);
        EXPECT_EQ(second[i].lane, first[i].lane);
        EXPECT_EQ(second[i].seq, first[i].seq);
    }
    EXPECT_EQ(database_->lane(2).last_seq, 2);
    EXPECT_EQ(database_->lane(4).last_seq, 3);
}

// Two transactions that share two lanes are in the same order in both: no circle of "accepted before".
TEST_P(IntakeStoreConformance, ConcurrentTransfersKeepOneOrder) {
    const std::vector<Uuid> accounts{open_account(0), open_account(6), open_account(11)};
    constexpr int kThreads = 3, kBatches = 10;
    std::vector<std::vector<intake::IntakeItem>> batches(kThreads * kBatches);
    for (std::size_t b = 0; b < batches.size(); ++b)
        for (std::size_t i = 0; i < 5; ++i)
            batches[b].push_back(transfer({{accounts[(b + i) % 3], accounts[(b + i + 1 + b % 2) % 3], 1, "EUR"}}));
    accept_at_once(batches, kThreads);
    std::map<int, std::map<Uuid, std::int64_t>> seqs;
    for (const int lane : {0, 6, 11}) {
        const auto events = database_->events(lane);
        for (std::size_t i = 0; i < events.size(); ++i) {
            ASSERT_EQ(events[i].seq, static_cast<std::int64_t>(i) + 1);
            seqs[lane][events[i].transaction_id] = events[i].seq;
        }
    }
    EXPECT_EQ(seqs[0].size() + seqs[6].size() + seqs[11].size(), batches.size() * 5 * 2);
    for (const auto& [one, other] : {std::pair{0, 6}, {0, 11}, {6, 11}}) {
        std::map<std::int64_t, std::int64_t> common;
        for (const auto& [id, seq] : seqs[one])
            if (seqs[other].contains(id)) common[seq] = seqs[other][id];
        std::int64_t last = 0;
        for (const auto& [seq, elsewhere] : common) {
            EXPECT_GT(elsewhere, last) << "lanes " << one << " and " << other;
            last = elsewhere;
        }
    }
}

}  // namespace ledgerline::test
