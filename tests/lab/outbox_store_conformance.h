// What every implementation of OutboxStore must do. Include it in one source file of a test program and instantiate
// OutboxStoreConformance there.
#pragma once

#include "lab/store_fixture.h"

namespace ledgerline::test {

class OutboxStoreConformance : public StoreFixture {
protected:
    static constexpr milliseconds kTerm{60'000};
    static constexpr int kLanes = lane_count;

    void SetUp() override {
        StoreFixture::SetUp();
        store_ = database_->make_outbox_store();
        other_ = database_->make_outbox_store();
    }

    std::vector<publish::Lease> renew(const std::string& owner) {
        auto leases = store_->renew(owner, kTerm);
        EXPECT_TRUE(leases) << leases.error().message;
        return leases.value_or(std::vector<publish::Lease>{});
    }

    static publish::Lease lease_of(int lane, const std::vector<publish::Lease>& leases) {
        for (const publish::Lease& lease : leases)
            if (lease.lane == lane) return lease;
        ADD_FAILURE() << "no lease of lane " << lane;
        return {};
    }

    std::vector<bool> advance(const std::string& owner, const publish::Lease& lease, std::int64_t to) {
        const auto moved =
            store_->advance(owner, std::vector{publish::Advance{lease.lane, lease.epoch, lease.published_seq, to}});
        EXPECT_TRUE(moved) << moved.error().message;
        return moved.value_or(std::vector<bool>{});
    }

    std::unique_ptr<publish::OutboxStore> store_, other_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OutboxStoreConformance);

TEST_P(OutboxStoreConformance, TheOnlyPublisherHoldsEveryLaneAndKeepsItsEpochs) {
    const auto first = renew("a");
    ASSERT_EQ(first.size(), kLanes);
    EXPECT_EQ(renew("a"), first);
    EXPECT_EQ(database_->lane(0).owner, "a");
}

TEST_P(OutboxStoreConformance, PublishersShareTheLanesEvenlyAndAnewWhenOneLeaves) {
    renew("a");
    EXPECT_TRUE(renew("b").empty()) << "lanes are given up, not snatched";
    EXPECT_EQ(renew("a").size(), kLanes / 2);
    EXPECT_EQ(renew("b").size(), kLanes / 2);
    renew("c");
    for (const char* owner : {"a", "b", "c", "a", "b", "c"}) EXPECT_LE(renew(owner).size(), kLanes / 2);
    for (const char* owner : {"a", "b", "c"}) EXPECT_EQ(renew(owner).size(), kLanes / 3) << owner;

    ASSERT_TRUE(store_->release("b"));
    ASSERT_TRUE(store_->release("c"));
    EXPECT_EQ(renew("a").size(), kLanes);
}

TEST_P(OutboxStoreConformance, AnExpiredLeaseIsTakenOverUnderANewEpoch) {
    const publish::Lease old = lease_of(3, renew("a"));
    database_->let_leases_expire();
    const auto taken = renew("b");
    ASSERT_EQ(taken.size(), kLanes);
    EXPECT_GT(lease_of(3, taken).epoch, old.epoch);
}

TEST_P(OutboxStoreConformance, AnExpiredLeaseThatNobodyTookIsExtended) {
    const auto before = renew("a");
    database_->let_leases_expire();
    EXPECT_EQ(renew("a"), before);
    EXPECT_TRUE(renew("b").empty());
}

TEST_P(OutboxStoreConformance, ALeaseThatRunsIsNotTakenOver) {
    renew("a");
    renew("b");
    renew("b");
    for (int lane = 0; lane < kLanes; ++lane) EXPECT_EQ(database_->lane(lane).owner, "a");
}

TEST_P(OutboxStoreConformance, TheDeadAreExpiredAtOnce) {
    renew("dead");
    ASSERT_TRUE(store_->expire_others("a"));
    EXPECT_EQ(renew("a").size(), kLanes);
}

TEST_P(OutboxStoreConformance, ReadsWhatFollowsEachCursorInOrder) {
    const Uuid x = open_account(1), y = open_account(4);
    const auto of_1 = insert_credits(x, 1, 1, 5);
    const auto of_4 = insert_credits(y, 4, 1, 2);
    auto leases = renew("a");
    publish::Lease one = lease_of(1, leases), four = lease_of(4, leases);
    one.published_seq = 2;
    const auto events = store_->read(std::vector{four, one}, 2);
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 4u);
    EXPECT_EQ((*events)[0].event_id, of_1[2].event_id);
    EXPECT_EQ((*events)[1].event_id, of_1[3].event_id);
    EXPECT_EQ((*events)[2].event_id, of_4[0].event_id);
    EXPECT_EQ((*events)[3].event_id, of_4[1].event_id);
}

TEST_P(OutboxStoreConformance, AnEventComesWithEverythingThatItsMessageNeeds) {
    Event event = new_event(open_account(2), 2, 1, 777, TransactionType::debit);
    event.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    event.metadata = R"({"order": "7"})";
    event.schema_version = 9;
    database_->insert(event);
    const auto events = store_->read(std::vector{lease_of(2, renew("a"))}, 10);
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 1u);
    const Event& read = events->front();
    EXPECT_EQ(read.event_id, event.event_id);
    EXPECT_EQ(read.lane, 2);
    EXPECT_EQ(read.seq, 1);
    EXPECT_EQ(read.schema_version, 9);
    EXPECT_EQ(read.occurred_at, event.occurred_at);
    EXPECT_EQ(read.traceparent, event.traceparent);
    EXPECT_EQ(read.transaction_id, event.transaction_id);
    EXPECT_EQ(read.account_id, event.account_id);
    EXPECT_EQ(read.amount_cents, 777);
    EXPECT_EQ(read.currency, "EUR");
    EXPECT_EQ(read.type, TransactionType::debit);
    EXPECT_EQ(read.idempotency_key, event.idempotency_key);
    EXPECT_EQ(read.metadata, event.metadata);
}

TEST_P(OutboxStoreConformance, AReplayedEventStandsAmongTheAcceptedOnesUnderItsOwnId) {
    const Uuid account = open_account(0);
    const auto first = insert_credits(account, 0, 1, 1).front();
    Event again = first;
    again.event_id = new_id();
    again.seq = 2;
    const Uuid letter_id = new_id();
    const apply::ParkedEvent letter{letter_id, {1, first.event_id}, {}, "permanent", "23514", "bad row", 1, {}};
    ASSERT_TRUE(database_->make_ledger_store()->park(0, 0, letter).value_or(false));
    database_->insert_again(again, letter_id);
    insert_credits(account, 0, 3, 3);
    const auto events = store_->read(std::vector{lease_of(0, renew("a"))}, 10);
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 3u);
    EXPECT_EQ((*events)[1].seq, 2);
    EXPECT_EQ((*events)[1].event_id, again.event_id);
    EXPECT_EQ((*events)[1].transaction_id, first.transaction_id);
}

TEST_P(OutboxStoreConformance, AnEventBehindAHoleIsRead) {
    insert_credits(open_account(0), 0, 5000, 5000);
    const auto events = store_->read(std::vector{lease_of(0, renew("a"))}, 10);
    ASSERT_TRUE(events);
    EXPECT_EQ(events->size(), 1u);
}

TEST_P(OutboxStoreConformance, MovesSeveralCursorsAndSaysWhichMoved) {
    const auto leases = renew("a");
    const publish::Lease one = lease_of(1, leases), two = lease_of(2, leases), three = lease_of(3, leases);
    const std::vector<publish::Advance> advances{{3, three.epoch, 0, 30}, {1, one.epoch, 7, 10}, {2, two.epoch, 0, 20}};
    const auto moved = store_->advance("a", advances);
    ASSERT_TRUE(moved);
    EXPECT_THAT(*moved, testing::ElementsAre(true, false, true));
    EXPECT_EQ(database_->lane(1).published_seq, 0);
    EXPECT_EQ(database_->lane(2).published_seq, 20);
    EXPECT_EQ(database_->lane(3).published_seq, 30);
    EXPECT_EQ(lease_of(3, renew("a")).published_seq, 30);
}

TEST_P(OutboxStoreConformance, AZombieChangesNothing) {
    const publish::Lease stale = lease_of(5, renew("zombie"));
    database_->let_leases_expire();
    const publish::Lease fresh = lease_of(5, renew("heir"));
    EXPECT_THAT(advance("zombie", stale, 10), testing::ElementsAre(false));
    ASSERT_TRUE(store_->record_failure(stale, "zombie", "nonsense"));
    EXPECT_EQ(database_->lane(5).published_seq, 0);
    EXPECT_EQ(database_->lane(5).publish_attempts, 0);
    EXPECT_THAT(advance("heir", fresh, 10), testing::ElementsAre(true));
}

TEST_P(OutboxStoreConformance, AnOwnerThatLostAndWonALaneAgainCannotUseItsOldEpoch) {
    const publish::Lease old = lease_of(5, renew("a"));
    ASSERT_TRUE(store_->release("a"));
    const publish::Lease fresh = lease_of(5, renew("a"));
    ASSERT_NE(fresh.epoch, old.epoch);
    EXPECT_THAT(advance("a", old, 10), testing::ElementsAre(false));
    EXPECT_THAT(advance("a", fresh, 10), testing::ElementsAre(true));
}

TEST_P(OutboxStoreConformance, ARewindVoidsAnAdvanceInFlight) {
    insert_credits(open_account(0), 0, 1, 9);
    publish::Lease lease = lease_of(0, renew("a"));
    ASSERT_THAT(advance("a", lease, 5), testing::ElementsAre(true));
    lease.published_seq = 5;
    ASSERT_TRUE(database_->make_ledger_store()->rewind(0, 0).value_or(false));
    EXPECT_THAT(advance("a", lease, 9), testing::ElementsAre(false));
    const publish::Lease rewound = lease_of(0, renew("a"));
    EXPECT_EQ(rewound.published_seq, 0);
    EXPECT_GT(rewound.epoch, lease.epoch);
    EXPECT_THAT(advance("a", rewound, 9), testing::ElementsAre(true));
}

TEST_P(OutboxStoreConformance, ARewindBackToTheSameCursorStillVoidsAnAdvanceInFlight) {
    insert_credits(open_account(0), 0, 1, 9);
    const publish::Lease lease = lease_of(0, renew("a"));
    ASSERT_THAT(advance("a", lease, 5), testing::ElementsAre(true));
    ASSERT_TRUE(database_->make_ledger_store()->rewind(0, 0).value_or(false));
    EXPECT_THAT(advance("a", lease, 5), testing::ElementsAre(false)) << "only the epoch tells the two apart";
}

TEST_P(OutboxStoreConformance, AFailureIsShownUntilTheCursorMoves) {
    const publish::Lease lease = lease_of(7, renew("a"));
    ASSERT_TRUE(store_->record_failure(lease, "a", "broker away"));
    ASSERT_TRUE(store_->record_failure(lease, "a", "broker still away"));
    EXPECT_EQ(database_->lane(7).publish_attempts, 2);
    EXPECT_EQ(database_->lane(7).last_error, "broker still away");
    advance("a", lease, 1);
    EXPECT_EQ(database_->lane(7).publish_attempts, 0);
    EXPECT_EQ(database_->lane(7).last_error, "");
}

TEST_P(OutboxStoreConformance, AHaltIsRecordedAtTheHeadByTheOwnerAndClearedOnceTheCursorHasPassed) {
    const publish::Lease lease = lease_of(7, renew("a"));
    const auto halt = [&](const publish::Lease& of, const std::string& owner, const LaneHalt& what) {
        return store_->halt(of, owner, what).value();
    };
    EXPECT_FALSE(halt(lease, "b", {1, "refused", "not the owner"}));
    EXPECT_FALSE(halt({lease.lane, lease.epoch - 1, 0}, "a", {1, "refused", "an old epoch"}));
    EXPECT_FALSE(halt(lease, "a", {2, "refused", "not the head"}));
    EXPECT_FALSE(database_->lane(7).publish_halt);
    EXPECT_TRUE(halt(lease, "a", {1, "refused", "first"}));
    const auto since = database_->lane(7).publish_halt.value().since;
    EXPECT_TRUE(since);
    EXPECT_TRUE(halt(lease, "a", {1, "refused", std::string(5000, 'x')}));
    EXPECT_EQ(database_->lane(7).publish_halt->since, since);
    EXPECT_EQ(database_->lane(7).publish_halt->reason.size(), LaneHalt::reason_chars_max);
    EXPECT_TRUE(halt(lease, "a", {1, "lane_hole", "\xc3(\xff"}));
    EXPECT_EQ(database_->lane(7).publish_halt->code, "lane_hole") << "another reason takes the place of the first";

    const std::vector<int> lanes{6, 7};
    ASSERT_TRUE(store_->clear_halts(lanes));
    EXPECT_TRUE(database_->lane(7).publish_halt) << "the lane still stands there";
    advance("a", lease, 1);
    ASSERT_TRUE(store_->clear_halts(lanes));
    EXPECT_FALSE(database_->lane(7).publish_halt);
}

TEST_P(OutboxStoreConformance, TheBacklogIsWhatFollowsTheCursors) {
    EXPECT_EQ(store_->backlog().value_or(publish::Backlog{-1, {}, 0}), publish::Backlog{});
    insert_credits(open_account(1), 1, 1, 5);
    insert_credits(open_account(2), 2, 1, 2);
    advance("a", lease_of(1, renew("a")), 3);
    const auto backlog = store_->backlog();
    ASSERT_TRUE(backlog);
    EXPECT_EQ(backlog->unpublished_events, 4);
}

TEST_P(OutboxStoreConformance, TwoSessionsOfTwoOwnersNeverHoldTheSameLane) {
    for (int i = 0; i < 4; ++i) {
        const auto a = store_->renew("a", kTerm), b = other_->renew("b", kTerm);
        ASSERT_TRUE(a && b);
        std::set<int> lanes;
        // What a holds may have shrunk by nothing that b did: b takes only what is free.
        for (const publish::Lease& lease : *a) EXPECT_TRUE(lanes.insert(lease.lane).second);
        for (const publish::Lease& lease : *b) EXPECT_TRUE(lanes.insert(lease.lane).second);
    }
}

}  // namespace ledgerline::test
