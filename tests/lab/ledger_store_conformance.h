// What every implementation of LedgerStore must do. Include it in one source file of a test program and instantiate
// LedgerStoreConformance there.
#pragma once

#include "lab/store_fixture.h"

namespace ledgerline::test {

class LedgerStoreConformance : public StoreFixture {
protected:
    using Status = apply::ApplyResult::Status;
    static constexpr int kLane = 3;

    void SetUp() override {
        StoreFixture::SetUp();
        store_ = database_->make_ledger_store();
    }

    static std::vector<apply::EventRef> refs_of(std::span<const Event> events) {
        std::vector<apply::EventRef> refs;
        for (const Event& event : events) refs.push_back({event.seq, event.event_id});
        return refs;
    }

    static apply::EventRef ref_of(const Event& event) { return {event.seq, event.event_id}; }

    apply::ApplyResult apply(std::span<const Event> events, std::int64_t applied_seq, int lane = kLane) {
        auto result = store_->apply(std::vector{apply::LaneRun{lane, applied_seq, refs_of(events)}});
        EXPECT_TRUE(result) << result.error().message;
        return result ? result->runs.front() : apply::ApplyResult{Status::not_proven, {}};
    }

    // Decides everything that is accepted.
    void apply_all() {
        for (bool waits = true; waits;) {
            waits = false;
            for (int lane = 0; lane < lane_count; ++lane) {
                const std::int64_t applied = state(lane).applied_seq;
                const auto events = database_->events(lane);
                if (std::ssize(events) == applied) continue;
                apply(std::span(events).subspan(static_cast<std::size_t>(applied)), applied, lane);
                ASSERT_GT(state(lane).applied_seq, applied);
                waits = true;
            }
        }
    }

    apply::LaneState state(int lane = kLane) {
        const auto states = store_->load(std::span(&lane, 1));
        EXPECT_TRUE(states) << states.error().message;
        return states && states->size() == 1 ? states->front() : apply::LaneState{};
    }

    bus::Incoming incoming(std::int64_t offset, std::string value = "{}") {
        return {"transactions", kLane, offset, {"key", std::move(value), {{"lane", "3"}, {"lane", "4"}}}};
    }

    // As the publisher's measurement tells it.
    std::int64_t parked() {
        const auto backlog = database_->make_outbox_store()->backlog();
        return backlog ? backlog->dead_letters_parked : -1;
    }

    apply::ParkedEvent letter(const Event& event) {
        apply::ParkedEvent letter;
        letter.letter_id = new_id();
        letter.ref = {event.seq, event.event_id};
        letter.incoming = incoming(event.seq);
        letter.error_class = "permanent";
        letter.error_code = "22003";
        letter.error_message = "out of range";
        return letter;
    }

    std::unique_ptr<apply::LedgerStore> store_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LedgerStoreConformance);

TEST_P(LedgerStoreConformance, AFreshLaneStandsAtZero) {
    const apply::LaneState fresh = state();
    EXPECT_EQ(fresh.lane, kLane);
    EXPECT_EQ(fresh.applied_seq + fresh.published_seq + fresh.last_seq + fresh.failing_seq, 0);
    EXPECT_FALSE(fresh.first_failed_at);
}

TEST_P(LedgerStoreConformance, LoadsTheLanesAskedFor) {
    insert_credits(open_account(1), 1, 1, 4);
    const std::vector<int> lanes{5, 1};
    const auto states = store_->load(lanes);
    ASSERT_TRUE(states);
    ASSERT_EQ(states->size(), 2u);
    for (const apply::LaneState& state : *states) EXPECT_EQ(state.last_seq, state.lane == 1 ? 4 : 0);
}

TEST_P(LedgerStoreConformance, AppliesABatchInOrderAndFoldsItIntoOneBalance) {
    const Uuid account = open_account(kLane, 150);
    std::vector<Event> events{new_event(account, kLane, 1, 100, TransactionType::debit),
                              new_event(account, kLane, 2, 100, TransactionType::debit),
                              new_event(account, kLane, 3, 60, TransactionType::credit),
                              new_event(account, kLane, 4, 110, TransactionType::debit)};
    for (const Event& event : events) database_->insert(event);
    const apply::ApplyResult result = apply(events, 0);
    EXPECT_EQ(result.status, Status::applied);
    ASSERT_EQ(result.outcomes.size(), 4u);
    EXPECT_EQ(result.outcomes[1].event.transaction_id, events[1].transaction_id);
    EXPECT_EQ(result.outcomes[1].posting.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(database_->balance_cents(account), 0);
    EXPECT_THAT(database_->outcomes(kLane),
                testing::ElementsAre(OutcomeRow{1, events[0].transaction_id, "", 50},
                                     OutcomeRow{2, events[1].transaction_id, "insufficient_balance", 50},
                                     OutcomeRow{3, events[2].transaction_id, "", 110},
                                     OutcomeRow{4, events[3].transaction_id, "", 0}));
    EXPECT_EQ(state().applied_seq, 4);
}

TEST_P(LedgerStoreConformance, TakesEverythingFromItsOwnRow) {
    Event event = new_event(open_account(kLane), kLane, 1, 777);
    event.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    database_->insert(event);
    const apply::ApplyResult result = apply(std::vector{event}, 0);
    ASSERT_EQ(result.outcomes.size(), 1u);
    const Event& read = result.outcomes[0].event;
    EXPECT_EQ(read.event_id, event.event_id);
    EXPECT_EQ(read.lane, kLane);
    EXPECT_EQ(read.seq, 1);
    EXPECT_EQ(read.traceparent, event.traceparent);
    EXPECT_EQ(read.account_id, event.account_id);
    EXPECT_EQ(read.amount_cents, 777);
}

TEST_P(LedgerStoreConformance, ACursorThatMovedMeansThatNothingIsChanged) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 3);
    ASSERT_EQ(apply(std::span(events).first(2), 0).status, Status::applied);
    EXPECT_EQ(apply(std::span(events).first(1), 0).status, Status::cursor_moved) << "applied twice";
    EXPECT_EQ(apply(std::span(events).first(3), 0).status, Status::cursor_moved) << "applied twice, in part";
    EXPECT_EQ(apply(std::span(events).subspan(1, 2), 1).status, Status::cursor_moved);
    EXPECT_EQ(database_->balance_cents(account), 200);
    EXPECT_EQ(state().applied_seq, 2);
    EXPECT_EQ(apply(std::span(events).subspan(2), 2).status, Status::applied);
    EXPECT_EQ(database_->balance_cents(account), 300);
}

TEST_P(LedgerStoreConformance, ACursorMayNotJumpAhead) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 3);
    EXPECT_EQ(apply(std::span(events).subspan(2), 2).status, Status::cursor_moved);
    EXPECT_EQ(database_->balance_cents(account), 0);
}

TEST_P(LedgerStoreConformance, WhatIsNotProvenIsNotApplied) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 2);
    const auto elsewhere = insert_credits(open_account(4), 4, 1, 3);

    Event forged = events[1];
    forged.event_id = new_id();
    EXPECT_EQ(apply(std::vector{events[0], forged}, 0).status, Status::not_proven) << "another event_id";
    Event misplaced = events[0];
    misplaced.seq = 2;
    EXPECT_EQ(apply(std::vector{events[0], misplaced}, 0).status, Status::not_proven) << "another seq";
    EXPECT_EQ(apply(std::span(elsewhere).first(1), 0).status, Status::not_proven) << "another lane";
    Event beyond = elsewhere[2];
    EXPECT_EQ(apply(std::vector{events[0], events[1], beyond}, 0).status, Status::not_proven) << "beyond the end";

    EXPECT_EQ(state().applied_seq, 0);
    EXPECT_EQ(database_->balance_cents(account), 0);
    EXPECT_EQ(apply(events, 0).status, Status::applied);
}

TEST_P(LedgerStoreConformance, ProvesEachRefOnItsOwn) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 3);
    const auto elsewhere = insert_credits(open_account(4), 4, 1, 1);
    std::vector<apply::EventRef> refs = refs_of(events);
    refs[1].event_id = new_id();
    refs.push_back({2, events[0].event_id});
    refs.push_back({1, elsewhere[0].event_id});
    refs.push_back({99, new_id()});
    const auto proven = store_->prove(kLane, refs);
    ASSERT_TRUE(proven);
    EXPECT_THAT(*proven, testing::ElementsAre(true, false, true, false, false, false));
}

TEST_P(LedgerStoreConformance, AnEventOfANewerVersionIsLeftAlone) {
    Event newer = new_event(open_account(kLane), kLane, 1);
    newer.schema_version = event_schema_version_max + 1;
    database_->insert(newer);
    EXPECT_EQ(apply(std::vector{newer}, 0).status, Status::version_unknown);
    EXPECT_EQ(state().applied_seq, 0);
    EXPECT_TRUE(database_->outcomes(kLane).empty());
}

TEST_P(LedgerStoreConformance, OneBadRowFailsItsBatchAsAWhole) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 2);
    database_->poison(events[1].transaction_id);
    const auto result = store_->apply(std::vector{apply::LaneRun{kLane, 0, refs_of(events)}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "23514");
    EXPECT_EQ(result.error().disposition, Disposition::refuse);
    EXPECT_EQ(database_->balance_cents(account), 0);
    EXPECT_TRUE(database_->outcomes(kLane).empty());
    EXPECT_EQ(apply(std::span(events).first(1), 0).status, Status::applied) << "the session goes on";
}

TEST_P(LedgerStoreConformance, RunsOfSeveralLanesAreJudgedEachOnItsOwn) {
    const Uuid here = open_account(kLane), there = open_account(4), ahead = open_account(5);
    const auto first = insert_credits(here, kLane, 1, 2);
    const auto second = insert_credits(there, 4, 1, 3);
    const auto third = insert_credits(ahead, 5, 1, 2);
    std::vector<Event> forged = second;
    forged[1].event_id = new_id();
    const auto results = store_->apply(std::vector<apply::LaneRun>{
        {5, 1, refs_of(std::span(third).subspan(1))}, {4, 0, refs_of(forged)}, {kLane, 0, refs_of(first)}});
    ASSERT_TRUE(results) << results.error().message;
    ASSERT_EQ(results->runs.size(), 3u);
    EXPECT_EQ(results->runs[0].status, Status::cursor_moved);
    EXPECT_EQ(results->runs[1].status, Status::not_proven);
    EXPECT_EQ(results->runs[2].status, Status::applied);
    EXPECT_EQ(results->runs[2].outcomes.size(), 2u);
    EXPECT_EQ(database_->balance_cents(here), 200);
    EXPECT_EQ(database_->balance_cents(there), 0);
    EXPECT_EQ(state(4).applied_seq, 0);

    const auto both = store_->apply(std::vector<apply::LaneRun>{{5, 0, refs_of(third)}, {4, 0, refs_of(second)}});
    ASSERT_TRUE(both) << both.error().message;
    EXPECT_EQ(both->runs[0].status, Status::applied);
    EXPECT_EQ(both->runs[1].status, Status::applied);
    EXPECT_EQ(database_->balance_cents(ahead), 200);
    EXPECT_EQ(database_->balance_cents(there), 300);
    EXPECT_EQ(state(4).applied_seq, 3);
}

TEST_P(LedgerStoreConformance, ABadRowChangesNothingInAnyLane) {
    const Uuid here = open_account(kLane), there = open_account(4);
    const auto good = insert_credits(here, kLane, 1, 2);
    const auto bad = insert_credits(there, 4, 1, 2);
    database_->poison(bad[1].transaction_id);
    EXPECT_FALSE(store_->apply(std::vector<apply::LaneRun>{{kLane, 0, refs_of(good)}, {4, 0, refs_of(bad)}}));
    EXPECT_EQ(database_->balance_cents(here), 0);
    EXPECT_EQ(database_->balance_cents(there), 0);
    EXPECT_EQ(apply(good, 0).status, Status::applied);
}

TEST_P(LedgerStoreConformance, ASuspendedAccountIsRefused) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 1);
    database_->set_status(account, AccountStatus::suspended);
    const apply::ApplyResult result = apply(events, 0);
    ASSERT_EQ(result.outcomes.size(), 1u);
    EXPECT_EQ(result.outcomes[0].posting.refusal, Refusal::account_suspended);
    EXPECT_EQ(database_->balance_cents(account), 0);
}

TEST_P(LedgerStoreConformance, AClosedAccountIsRefused) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 1);
    database_->set_status(account, AccountStatus::closed);
    EXPECT_EQ(apply(events, 0).outcomes.at(0).posting.refusal, Refusal::account_closed);
    EXPECT_EQ(database_->outcomes(kLane).at(0).failure_code, "account_closed");
    EXPECT_EQ(database_->balance_cents(account), 0);
}

TEST_P(LedgerStoreConformance, LimitsAreThoseOfTheMomentOfTheDecision) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 3);
    database_->set_limits(account, 150, 200);
    const apply::ApplyResult result = apply(events, 0);
    EXPECT_FALSE(result.outcomes.at(1).posting.refusal) << "up to the ceiling";
    EXPECT_EQ(result.outcomes.at(2).posting.refusal, Refusal::balance_limit_exceeded);
    const Event debit = new_event(account, kLane, 4, 51, TransactionType::debit);
    const Event credit = new_event(account, kLane, 5);
    database_->insert(debit);
    database_->insert(credit);
    EXPECT_EQ(apply(std::vector{debit}, 3).outcomes.at(0).posting.refusal, Refusal::insufficient_balance);
    database_->set_limits(account, 0, std::nullopt);
    EXPECT_FALSE(apply(std::vector{credit}, 4).outcomes.at(0).posting.refusal);
    EXPECT_EQ(database_->balance_cents(account), 300);
}

TEST_P(LedgerStoreConformance, ATransferIsRefusedForTheCeilingOfAnyOfItsAccounts) {
    const Uuid from = open_account(kLane, 500), to = open_account(4, 50);
    database_->set_limits(to, 0, 60);
    const auto places = insert_transfer({{from, to, 11, "EUR"}});
    EXPECT_EQ(apply(std::vector{places[0]}, 0).outcomes.at(0).posting.refusal, Refusal::balance_limit_exceeded);
    EXPECT_EQ(database_->balance_cents(from), 500);
    EXPECT_EQ(database_->outcomes(4).at(0).failure_code, "balance_limit_exceeded");
}

TEST_P(LedgerStoreConformance, AReplayedEventIsAppliedUnderItsOwnSeq) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 2);
    const apply::ParkedEvent parked = letter(events[0]);
    ASSERT_TRUE(store_->park(kLane, 0, parked).value_or(false));
    ASSERT_EQ(apply(std::span(events).subspan(1), 1).status, Status::applied);
    Event again = events[0];
    again.event_id = new_id();
    again.seq = 3;
    database_->insert_again(again, parked.letter_id);
    EXPECT_EQ(apply(std::vector{again}, 2).status, Status::applied);
    EXPECT_EQ(database_->balance_cents(account), 200);
}

TEST_P(LedgerStoreConformance, AttemptsAreCountedForOneEventAndSurviveTheSession) {
    insert_credits(open_account(kLane), kLane, 1, 2);
    EXPECT_EQ(store_->count_attempt(kLane, 0).value_or(-1), 1);
    store_ = database_->make_ledger_store();
    EXPECT_EQ(store_->count_attempt(kLane, 0).value_or(-1), 2);
    EXPECT_EQ(state().attempts, 2);
    EXPECT_EQ(state().failing_seq, 1);
    EXPECT_TRUE(state().first_failed_at);
    EXPECT_EQ(store_->count_attempt(kLane, 1).value_or(-1), 0) << "the cursor is elsewhere";
}

TEST_P(LedgerStoreConformance, ApplyingForgetsTheAttempts) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 2);
    ASSERT_TRUE(store_->count_attempt(kLane, 0));
    apply(std::span(events).first(1), 0);
    EXPECT_EQ(state().attempts, 0);
    EXPECT_EQ(state().failing_seq, 0);
    EXPECT_FALSE(state().first_failed_at);
    EXPECT_EQ(store_->count_attempt(kLane, 1).value_or(-1), 1);
}

TEST_P(LedgerStoreConformance, ParkingMovesTheCursorOverTheEvent) {
    const Uuid account = open_account(kLane);
    const auto events = insert_credits(account, kLane, 1, 2);
    EXPECT_TRUE(store_->park(kLane, 0, letter(events[0])).value_or(false));
    EXPECT_EQ(state().applied_seq, 1);
    EXPECT_EQ(database_->letters(), 1u);
    EXPECT_EQ(parked(), 1);
    EXPECT_TRUE(database_->outcomes(kLane).empty());
    EXPECT_FALSE(store_->park(kLane, 0, letter(events[0])).value_or(true)) << "the cursor has moved";
    EXPECT_EQ(apply(std::span(events).subspan(1), 1).status, Status::applied);
    EXPECT_EQ(database_->letters(), 1u);
}

TEST_P(LedgerStoreConformance, ALaneMayHoldMoreEventsThan32BitsCount) {
    apply::ParkedEvent far = letter(insert_credits(open_account(kLane), kLane, 1, 1)[0]);
    far.ref.seq = 3'000'000'001;
    const auto parked = store_->park(kLane, 3'000'000'000, far);
    ASSERT_TRUE(parked) << parked.error().message;
    EXPECT_FALSE(*parked) << "the lane's cursor is not there";
}

TEST_P(LedgerStoreConformance, WhatIsNotProvenIsNotParkedAsOurs) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 1);
    apply::ParkedEvent forged = letter(events[0]);
    forged.ref.event_id = new_id();
    EXPECT_FALSE(store_->park(kLane, 0, forged).value_or(true));
    EXPECT_EQ(state().applied_seq, 0);
    EXPECT_EQ(database_->letters(), 0u);
}

TEST_P(LedgerStoreConformance, TheStreakIsKeptUntilSomethingSucceeds) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 7);
    const auto park = [&](std::size_t nth, const char* error_class, const char* code) {
        apply::ParkedEvent event = letter(events[nth]);
        event.error_class = error_class;
        event.error_code = code;
        ASSERT_TRUE(store_->park(kLane, static_cast<std::int64_t>(nth), event).value_or(false));
    };
    const auto expect_streak = [&](int streak, const char* code) {
        EXPECT_EQ(state().streak, streak);
        EXPECT_EQ(state().streak_code, code);
    };
    park(0, "unknown", "P0001");
    expect_streak(1, "P0001");
    park(1, "unknown", "P0001");
    expect_streak(2, "P0001");
    park(2, "unknown", "P0002");
    expect_streak(1, "P0002");
    apply(std::span(events).subspan(3, 1), 3);
    expect_streak(0, "");
    park(4, "unknown", "P0002");
    expect_streak(1, "P0002");
    park(5, "permanent", "23514");
    expect_streak(0, "");
    park(6, "unknown", "P0002");
    expect_streak(1, "P0002");
}

TEST_P(LedgerStoreConformance, ForeignMessagesAreWrittenOnceAndMoveNothing) {
    const apply::ForeignMessage one{new_id(), incoming(1, "nonsense"), "undecodable", "no JSON"};
    const apply::ForeignMessage two{new_id(), incoming(2, std::string("\x00\xff", 2)), "undecodable", "no JSON"};
    EXPECT_EQ(store_->park_foreign(std::vector{one, two}).value_or(0), 2u);
    apply::ForeignMessage again = one;
    again.letter_id = new_id();
    EXPECT_EQ(store_->park_foreign(std::vector{again}).value_or(9), 0u);
    apply::ForeignMessage other_value = again;
    other_value.incoming.message.value = "other nonsense";
    EXPECT_EQ(store_->park_foreign(std::vector{again, other_value}).value_or(0), 1u);
    EXPECT_EQ(database_->letters(), 3u);
    EXPECT_EQ(parked(), 3);
    EXPECT_EQ(state().applied_seq, 0);
}

TEST_P(LedgerStoreConformance, LettersOfLargeMessagesAndBareOnesAreWritten) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 1);
    apply::ForeignMessage large{new_id(), incoming(1, std::string(3'000'000, '\xff')), "undecodable", "large"};
    for (int i = 0; i < 2000; ++i) large.incoming.message.headers.emplace_back(std::string(100, '\0'), "\xff");
    apply::ForeignMessage bare = large;
    bare.letter_id = new_id();
    bare.incoming.offset = 2;
    bare.bare = true;
    EXPECT_EQ(store_->park_foreign(std::vector{large, bare}).value_or(0), 2u);
    EXPECT_EQ(store_->park_foreign(std::vector{large, bare}).value_or(9), 0u);
    apply::ParkedEvent ours = letter(events[0]);
    ours.bare = true;
    EXPECT_TRUE(store_->park(kLane, 0, ours).value_or(false));
    EXPECT_EQ(database_->letters(), 3u);
}

TEST_P(LedgerStoreConformance, ARewindContinuesAfterWhatIsApplied) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 9);
    apply(std::span(events).first(4), 0);
    const auto outbox = database_->make_outbox_store();
    ASSERT_TRUE(outbox->renew("a", milliseconds(60'000)));
    const std::int64_t epoch = database_->lane(kLane).epoch;
    ASSERT_TRUE(outbox->advance("a", std::vector{publish::Advance{kLane, epoch, 0, 7}}));

    EXPECT_FALSE(store_->rewind(kLane, 3).value_or(true)) << "not below what is applied";
    EXPECT_FALSE(store_->rewind(kLane, 5).value_or(true)) << "nor above";
    EXPECT_EQ(database_->lane(kLane).epoch, epoch);
    EXPECT_TRUE(store_->rewind(kLane, 4).value_or(false));
    EXPECT_EQ(state().published_seq, 4);
    EXPECT_GT(database_->lane(kLane).epoch, epoch);
    EXPECT_EQ(database_->lane(kLane).owner, "a") << "the owner keeps the lane";

    apply(std::span(events).subspan(4, 2), 4);
    EXPECT_TRUE(store_->rewind(kLane, 6).value_or(false)) << "also when the publisher has not written so far";
    EXPECT_EQ(state().published_seq, 6);
    apply(std::span(events).subspan(6), 6);
    EXPECT_FALSE(store_->rewind(kLane, 9).value_or(true)) << "there is nothing to ask for";
}

TEST_P(LedgerStoreConformance, AHaltIsRecordedAtTheHeadAndKeepsItsBeginning) {
    insert_credits(open_account(kLane), kLane, 1, 3);
    EXPECT_FALSE(state().halt);
    EXPECT_FALSE(store_->halt(kLane, {2, "not_proven", "not the head"}).value_or(true));
    EXPECT_FALSE(state().halt);
    EXPECT_TRUE(store_->halt(kLane, {1, "not_proven", "first"}).value_or(false));
    const auto since = state().halt.value().since;
    ASSERT_TRUE(since);
    EXPECT_TRUE(store_->halt(kLane, {1, "not_proven", "again"}).value_or(false));
    EXPECT_EQ(state().halt->reason, "again");
    EXPECT_EQ(state().halt->since, since);
    EXPECT_TRUE(store_->halt(kLane, {1, "P0001", std::string(5000, 'x')}).value_or(false));
    EXPECT_EQ(state().halt->code, "P0001") << "another reason takes the place of the first";
    EXPECT_EQ(state().halt->reason, std::string(LaneHalt::reason_chars_max, 'x'));
    EXPECT_FALSE(state(4).halt) << "of another lane";
}

TEST_P(LedgerStoreConformance, AHaltIsClearedOnceTheCursorHasPassedIt) {
    const auto events = insert_credits(open_account(kLane), kLane, 1, 3);
    EXPECT_FALSE(store_->clear_halt(kLane).value_or(true)) << "there is none";
    ASSERT_TRUE(store_->halt(kLane, {1, "not_proven", "x"}).value_or(false));
    EXPECT_FALSE(store_->clear_halt(kLane).value_or(true)) << "the lane still stands there";
    EXPECT_TRUE(state().halt);
    ASSERT_EQ(apply(events, 0).status, Status::applied);
    EXPECT_EQ(state().halt.value().seq, 1) << "a worker that loads the lane sees that it is halted";
    EXPECT_TRUE(store_->clear_halt(kLane).value_or(false));
    EXPECT_FALSE(state().halt);
}

// Transfers ----------------------------------------------------------------------------------------------------------

TEST_P(LedgerStoreConformance, ATransferIsDecidedAtAllItsPlacesAtOnce) {
    const Uuid from = open_account(kLane, 100), to = open_account(4), fees = open_account(kLane);
    const auto places = insert_transfer({{from, to, 100, "EUR"}, {to, fees, 3, "EUR"}});
    const auto report = store_->apply(std::vector<apply::LaneRun>{{kLane, 0, {ref_of(places[0])}}});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->runs[0].status, Status::applied);
    ASSERT_EQ(report->runs[0].outcomes.size(), 2u) << "both places in the lane";
    EXPECT_TRUE(report->runs[0].outcomes[0].event.is_first);
    EXPECT_FALSE(report->runs[0].outcomes[1].event.is_first);
    ASSERT_EQ(report->others.size(), 1u);
    EXPECT_EQ(report->others[0].event.lane, 4);
    EXPECT_EQ(report->others[0].event.seq, 1);
    EXPECT_EQ(report->others[0].posting.balance_after_cents, 97);
    EXPECT_EQ(database_->balance_cents(from), 0);
    EXPECT_EQ(database_->balance_cents(to), 97);
    EXPECT_EQ(database_->balance_cents(fees), 3);
    EXPECT_EQ(state().applied_seq, 2);
    EXPECT_EQ(state(4).applied_seq, 1);
    EXPECT_EQ(apply(std::vector{places[1]}, 0, 4).status, Status::cursor_moved);
}

TEST_P(LedgerStoreConformance, ATransferIsRefusedAtAllItsPlaces) {
    const Uuid from = open_account(kLane, 99), to = open_account(4, 5);
    const auto places = insert_transfer({{from, to, 100, "EUR"}});
    const apply::ApplyResult result = apply(std::vector{places[1]}, 0, 4);
    ASSERT_EQ(result.outcomes.size(), 1u) << "told of in any of its lanes";
    EXPECT_EQ(result.outcomes[0].posting.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(database_->balance_cents(from), 99);
    EXPECT_EQ(database_->balance_cents(to), 5);
    const std::string code = "insufficient_balance";
    EXPECT_THAT(database_->outcomes(kLane), testing::ElementsAre(OutcomeRow{1, places[0].transaction_id, code, 99}));
    EXPECT_THAT(database_->outcomes(4), testing::ElementsAre(OutcomeRow{1, places[0].transaction_id, code, 5}));
}

TEST_P(LedgerStoreConformance, TheFirstAccountThatDoesNotTakeItsPartNamesTheRefusal) {
    const Uuid poor = open_account(9), suspended = open_account(1);
    const auto places = insert_transfer({{poor, suspended, 1, "EUR"}});
    database_->set_status(suspended, AccountStatus::suspended);
    EXPECT_EQ(apply(std::vector{places[0]}, 0, 9).outcomes.at(0).posting.refusal, Refusal::insufficient_balance);
    EXPECT_EQ(database_->outcomes(1).at(0).failure_code, "insufficient_balance");
}

// Everything in front of it in its other lane is decided first, and what that waits for.
TEST_P(LedgerStoreConformance, ATransferWaitsForWhatWasAcceptedBeforeInAnyOfItsLanes) {
    const Uuid a = open_account(kLane), b = open_account(4), c = open_account(7);
    const auto funds = insert_credits(c, 7, 1, 2);              // 200 to c
    const auto first = insert_transfer({{c, b, 150, "EUR"}});   // needs them
    const auto second = insert_transfer({{b, a, 140, "EUR"}});  // needs the first
    const auto beyond = insert_credits(b, 4, 3, 3);             // waits for nobody, and nobody for it
    const auto report = store_->apply(std::vector<apply::LaneRun>{{kLane, 0, {ref_of(second[1])}}});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->runs[0].status, Status::applied);
    EXPECT_EQ(database_->balance_cents(a), 140);
    EXPECT_EQ(database_->balance_cents(b), 10);
    EXPECT_EQ(database_->balance_cents(c), 50);
    EXPECT_EQ(state(4).applied_seq, 2);
    EXPECT_EQ(state(7).applied_seq, 3);
}

TEST_P(LedgerStoreConformance, WhatWaitsForAnEventThatIsTooNewIsLeftAlone) {
    const Uuid a = open_account(kLane, 100), b = open_account(4);
    Event newer = new_event(b, 4, 1);
    newer.schema_version = event_schema_version_max + 1;
    database_->insert(newer);
    const auto before = insert_credits(a, kLane, 1, 1);
    const auto places = insert_transfer({{a, b, 5, "EUR"}});
    const apply::ApplyResult result = apply(std::vector{before[0], places[0]}, 0);
    EXPECT_EQ(result.status, Status::waiting);
    EXPECT_EQ(result.outcomes.size(), 1u) << "what is before it is applied";
    EXPECT_EQ(state().applied_seq, 1);
    EXPECT_EQ(state(4).applied_seq, 0);
    EXPECT_TRUE(apply(std::vector{places[0]}, 1).outcomes.empty());
}

TEST_P(LedgerStoreConformance, TransfersInCirclesBetweenManyLanesAreAllDecided) {
    std::vector<Uuid> accounts;
    for (int lane = 0; lane < 12; ++lane) accounts.push_back(open_account(lane, 1000));
    std::vector<Event> firsts;
    for (std::size_t i = 0; i < 150; ++i)
        firsts.push_back(insert_transfer({{accounts[i * 5 % 12], accounts[(i * 7 + 1) % 12], 1, "EUR"}}).front());
    std::int64_t last = database_->lane(5).last_seq;
    const auto all = database_->events(5);
    ASSERT_EQ(std::ssize(all), last);
    ASSERT_GT(last, 3);
    EXPECT_EQ(apply(all, 0, 5).status, Status::applied);
    EXPECT_EQ(state(5).applied_seq, last);
    for (int lane = 0; lane < 12; ++lane) {
        const auto events = database_->events(lane);
        const std::int64_t applied = state(lane).applied_seq;
        if (applied < std::ssize(events))
            EXPECT_EQ(apply(std::span(events).subspan(static_cast<std::size_t>(applied)), applied, lane).status,
                      Status::applied);
    }
    std::int64_t sum = 0;
    for (int lane = 0; lane < 12; ++lane) {
        EXPECT_EQ(state(lane).applied_seq, database_->lane(lane).last_seq);
        sum += database_->balance_cents(accounts[static_cast<std::size_t>(lane)]);
    }
    EXPECT_EQ(sum, 12'000);
}

TEST_P(LedgerStoreConformance, TheHeadIsTriedAloneAndTheGuiltyOneIsNamed) {
    const Uuid a = open_account(kLane, 100), b = open_account(4, 100);
    const auto good = insert_credits(b, 4, 1, 1);
    const auto bad = insert_transfer({{b, open_account(9), 1, "EUR"}});
    const auto places = insert_transfer({{a, b, 5, "EUR"}});
    database_->poison(bad[0].transaction_id);
    const apply::LaneRun run{kLane, 0, {ref_of(places[0])}};
    auto head = store_->apply_head(run);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_FALSE(head->refusal);
    EXPECT_EQ(head->event_id, good[0].event_id) << "the first that it waits for";
    EXPECT_EQ(head->report.runs[0].status, Status::waiting);
    ASSERT_EQ(head->report.others.size(), 1u);

    head = store_->apply_head(run);
    ASSERT_TRUE(head) << head.error().message;
    ASSERT_TRUE(head->refusal);
    EXPECT_EQ(head->refusal->code, "23514");
    EXPECT_EQ(head->event_id, bad[0].event_id);
    EXPECT_EQ(state(4).applied_seq, 1);
    EXPECT_EQ(state(9).applied_seq, 0) << "at none of its places";

    ASSERT_TRUE(store_->park(4, 1, letter(bad[0])).value_or(false));
    EXPECT_EQ(state(4).applied_seq, 2);
    EXPECT_EQ(state(9).applied_seq, 1) << "parked at all its places";
    EXPECT_EQ(database_->letters(), 1u);
    head = store_->apply_head(run);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_FALSE(head->refusal);
    EXPECT_EQ(head->report.runs[0].status, Status::applied);
    EXPECT_EQ(database_->balance_cents(b), 205);
}

TEST_P(LedgerStoreConformance, ATransferIsParkedOnlyWhereItIsNextEverywhere) {
    const Uuid a = open_account(kLane), b = open_account(4);
    const auto before = insert_credits(b, 4, 1, 1);
    const auto places = insert_transfer({{a, b, 5, "EUR"}});
    EXPECT_FALSE(store_->park(kLane, 0, letter(places[0])).value_or(true));
    EXPECT_EQ(state().applied_seq, 0);
    EXPECT_EQ(database_->letters(), 0u);
    ASSERT_EQ(apply(before, 0, 4).status, Status::applied);
    EXPECT_TRUE(store_->park(4, 1, letter(places[1])).value_or(false)) << "told of in any of its lanes";
    EXPECT_EQ(state().applied_seq, 1);
    EXPECT_EQ(state(4).applied_seq, 2);
}

TEST_P(LedgerStoreConformance, AReplayedTransferIsDecidedAtItsNewPlaces) {
    const Uuid a = open_account(kLane, 100), b = open_account(4);
    const auto places = insert_transfer({{a, b, 5, "EUR"}});
    const apply::ParkedEvent parked = letter(places[0]);
    ASSERT_TRUE(store_->park(kLane, 0, parked).value_or(false));
    insert_credits(b, 4, 2, 2);
    std::vector<Event> again = places;
    const Uuid event_id = new_id();
    for (Event& event : again) {
        event.event_id = event_id;
        event.seq = database_->lane(event.lane).last_seq + 1;
        database_->insert_again(event, parked.letter_id);
    }
    const apply::ApplyResult result = apply(std::vector{again[0]}, 1);
    EXPECT_EQ(result.status, Status::applied);
    EXPECT_EQ(database_->balance_cents(a), 95);
    EXPECT_EQ(database_->balance_cents(b), 105);
    EXPECT_EQ(state(4).applied_seq, 3);
}

TEST_P(LedgerStoreConformance, ClaimsOfAllPlacesOfATransferInOneLaneAreProven) {
    const Uuid a = open_account(kLane), b = open_account(kLane);
    const auto places = insert_transfer({{a, b, 5, "EUR"}});
    const auto proven = store_->prove(kLane, refs_of(places));
    ASSERT_TRUE(proven);
    EXPECT_THAT(*proven, testing::ElementsAre(true, true));
}

TEST_P(LedgerStoreConformance, HoldsAreDecidedWithWhatSettlesThem) {
    const Uuid payer = open_account(kLane), payee = open_account(4);
    const std::vector<Event> credit = insert_credits(payer, kLane, 1, 1);
    const auto intake = database_->make_intake_store();
    const auto send = [&](TransactionType type, std::int64_t cents, std::optional<Uuid> hold = {},
                          const char* terms = R"({"expires_in_s": 60})") {
        intake::IntakeItem item = this->item(payer, cents);
        item.type = type;
        item.parent_id = hold;
        if (type != TransactionType::release && type != TransactionType::debit) item.terms = terms;
        if (type == TransactionType::capture) set_legs(item, {{payer, payee, cents, "EUR"}});
        for (int twice = 0; twice < 2; ++twice) {
            const auto results = intake->accept(std::span(&item, 1));
            EXPECT_TRUE(results) << results.error().message;
            if (!results) break;
            EXPECT_EQ(results->front().status,
                      twice ? intake::IntakeResult::Status::replayed : intake::IntakeResult::Status::created);
            item.event_id = new_id();
            if (twice) return results->front().transaction_id;
            item.transaction_id = new_id();
        }
        return Uuid{};
    };
    const auto part = R"({"final": false})", whole = R"({"final": true})";
    const Uuid hold = send(TransactionType::hold, 60);
    send(TransactionType::debit, 41);
    const Uuid refused = send(TransactionType::hold, 41);
    send(TransactionType::capture, 25, hold, part);
    send(TransactionType::capture, 36, hold, part);
    send(TransactionType::capture, 5, refused, whole);
    send(TransactionType::capture, 10, hold, whole);
    send(TransactionType::release, 25, hold);
    const Uuid other = send(TransactionType::hold, 65);
    send(TransactionType::release, 65, other);
    send(TransactionType::release, 65, other);
    const std::vector<Event> events = database_->events(kLane);
    ASSERT_EQ(events.size(), 12u);
    // A round may stop at what waits for other lanes: the next one goes on.
    std::vector<apply::Applied> applied;
    while (applied.size() < events.size()) {
        const std::size_t before = applied.size();
        const apply::ApplyResult result = apply(std::span(events).subspan(before), static_cast<std::int64_t>(before));
        std::ranges::copy(result.outcomes, std::back_inserter(applied));
        ASSERT_GT(applied.size(), before);
    }
    const std::vector<std::pair<std::string, std::int64_t>> expected{{"", 100},
                                                                     {"", 100},
                                                                     {"insufficient_balance", 100},
                                                                     {"insufficient_balance", 100},
                                                                     {"", 75},
                                                                     {"capture_exceeds_hold", 75},
                                                                     {"hold_failed", 75},
                                                                     {"", 65},
                                                                     {"hold_closed", 65},
                                                                     {"", 65},
                                                                     {"", 65},
                                                                     {"hold_closed", 65}};
    const std::int64_t helds[] = {0, 60, 60, 60, 35, 35, 35, 0, 0, 65, 0, 0};
    const auto outcomes = database_->outcomes(kLane);
    ASSERT_EQ(outcomes.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(outcomes[i].failure_code, expected[i].first) << i;
        EXPECT_EQ(outcomes[i].balance_after_cents, expected[i].second) << i;
        EXPECT_EQ(applied[i].posting.held_after_cents, helds[i]) << i;
    }
    EXPECT_EQ(database_->balance_cents(payee), 35);

    // In a later round the state of the hold comes from its steps.
    const Uuid open = send(TransactionType::hold, 65);
    std::vector<Event> later = database_->events(kLane);
    apply(std::span(later).subspan(12), 12);
    send(TransactionType::capture, 66, open, part);
    send(TransactionType::capture, 65, open, part);
    send(TransactionType::capture, 1, hold, part);
    later = database_->events(kLane);
    while (state().applied_seq < 16) {
        const auto before = static_cast<std::size_t>(state().applied_seq);
        apply(std::span(later).subspan(before), state().applied_seq);
        ASSERT_GT(state().applied_seq, static_cast<std::int64_t>(before));
    }
    EXPECT_THAT(database_->outcomes(kLane), testing::SizeIs(16));
    EXPECT_EQ(database_->outcomes(kLane)[13].failure_code, "capture_exceeds_hold");
    EXPECT_EQ(database_->outcomes(kLane)[14].failure_code, "");
    EXPECT_EQ(database_->outcomes(kLane)[15].failure_code, "hold_closed");
    EXPECT_EQ(database_->balance_cents(payer), 0);
}

TEST_P(LedgerStoreConformance, TheChildrenOfAParkedHoldAreRefused) {
    const Uuid payer = open_account(kLane);
    insert_credits(payer, kLane, 1, 1);
    const auto intake = database_->make_intake_store();
    const auto send = [&](TransactionType type, std::optional<Uuid> hold) {
        intake::IntakeItem item = this->item(payer, 10);
        item.type = type;
        item.parent_id = hold;
        if (!hold) item.terms = R"({"expires_in_s": 60})";
        EXPECT_TRUE(intake->accept(std::span(&item, 1)));
        return item.transaction_id;
    };
    const Uuid hold = send(TransactionType::hold, std::nullopt);
    send(TransactionType::release, hold);
    const std::vector<Event> events = database_->events(kLane);
    ASSERT_EQ(apply(std::span(events).first(1), 0).status, Status::applied);
    const auto parked = store_->park(kLane, 1, letter(events[1]));
    ASSERT_TRUE(parked && *parked);
    ASSERT_EQ(apply(std::span(events).subspan(2), 2).status, Status::applied);
    EXPECT_EQ(database_->outcomes(kLane).back().failure_code, "parent_undecided");
}

// What follows or reverses another transaction
// --------------------------------------------------------------------------

TEST_P(LedgerStoreConformance, FollowersShareTheFateOfWhatTheyFollow) {
    const Uuid a = open_account(kLane, 10), b = open_account(4);
    const auto intake = database_->make_intake_store();
    std::vector<intake::IntakeItem> items;
    const auto add = [&](const Uuid& account, TransactionType type, std::int64_t cents, bool follower) {
        items.push_back(item(account, cents));
        items.back().type = type;
        if (follower) follow(items.back(), items[items.size() - 2]);
    };
    add(a, TransactionType::debit, 8, false);
    add(b, TransactionType::credit, 8, true);
    add(a, TransactionType::debit, 3, false);
    add(b, TransactionType::credit, 3, true);
    add(b, TransactionType::credit, 1, true);
    add(a, TransactionType::debit, 2, false);
    const auto accepted = intake->accept(items);
    ASSERT_TRUE(accepted) << accepted.error().message;
    apply_all();
    const auto codes_in = [&](int lane) {
        std::vector<std::string> codes;
        for (const auto& outcome : database_->outcomes(lane)) codes.push_back(outcome.failure_code);
        return codes;
    };
    EXPECT_THAT(codes_in(kLane), testing::ElementsAre("", "", "insufficient_balance", "previous_failed", ""));
    EXPECT_THAT(codes_in(4), testing::ElementsAre("", "previous_failed", "previous_failed"));
    EXPECT_EQ(database_->balance_cents(a), 0);
    EXPECT_EQ(database_->balance_cents(b), 8);

    // In a later round its fate comes from the database.
    std::vector<intake::IntakeItem> late{again(items[2]), item(b, 100), again(items[0]), item(b, 5)};
    follow(late[1], late[0]);
    follow(late[3], late[2]);
    ASSERT_TRUE(intake->accept(late));
    apply_all();
    EXPECT_EQ(database_->balance_cents(b), 13);
}

TEST_P(LedgerStoreConformance, AFollowerOfAParkedTransactionIsRefused) {
    const Uuid a = open_account(kLane, 10), b = open_account(4);
    const auto intake = database_->make_intake_store();
    std::vector<intake::IntakeItem> items{item(a, 1), item(b, 1)};
    follow(items[1], items[0]);
    ASSERT_TRUE(intake->accept(items));
    const std::vector<Event> events = database_->events(kLane);
    ASSERT_TRUE(store_->park(kLane, 0, letter(events[0])).value_or(false));
    apply_all();
    EXPECT_EQ(database_->outcomes(4).back().failure_code, "previous_failed");
    EXPECT_EQ(database_->balance_cents(b), 0);
}

TEST_P(LedgerStoreConformance, ReversalsNeverExceedWhatTheyReverse) {
    const Uuid a = open_account(kLane, 100), b = open_account(4);
    const auto intake = database_->make_intake_store();
    const auto accept = [&](intake::IntakeItem one) {
        const auto results = intake->accept(std::span(&one, 1));
        EXPECT_TRUE(results) << results.error().message;
        return one.transaction_id;
    };
    const auto reverse = [&](const Uuid& id, std::vector<Leg> legs) {
        intake::IntakeItem back = item(a, 1);
        back.type = TransactionType::reversal;
        back.parent_id = id;
        set_legs(back, std::move(legs));
        return accept(back);
    };
    intake::IntakeItem sent = item(a, 1);
    set_legs(sent, {{a, b, 60, "EUR"}});
    const Uuid paid = accept(sent);
    reverse(paid, {{b, a, 25, "EUR"}});
    reverse(paid, {{b, a, 36, "EUR"}});
    apply_all();
    reverse(paid, {{b, a, 36, "EUR"}});
    reverse(paid, {{b, a, 35, "EUR"}});
    reverse(paid, {{b, a, 1, "EUR"}});
    intake::IntakeItem poor = item(b, 61);
    poor.type = TransactionType::debit;
    const Uuid refused = accept(poor);
    reverse(refused, {{std::nullopt, b, 61, "EUR"}});
    apply_all();
    std::vector<std::string> codes;
    for (const auto& outcome : database_->outcomes(4)) codes.push_back(outcome.failure_code);
    EXPECT_THAT(codes,
                testing::ElementsAre("", "", "reversal_exceeds_transaction", "reversal_exceeds_transaction", "",
                                     "reversal_exceeds_transaction", "insufficient_balance", "transaction_failed"));
    EXPECT_EQ(database_->balance_cents(a), 100);
    EXPECT_EQ(database_->balance_cents(b), 0);
}

}  // namespace ledgerline::test
