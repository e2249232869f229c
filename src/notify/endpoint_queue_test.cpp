#include "notify/endpoint_queue.h"

#include <gtest/gtest.h>

namespace ledgerline::notify {
namespace {

class Queue : public testing::Test {
protected:
    // The next event of an account, in the account's lane.
    void add(int account) {
        auto outcome = std::make_shared<feed::Outcome>();
        outcome->lane = account % lane_count;
        outcome->place = {++seqs_[account % lane_count], 0};
        outcome->account_id = id_of(account);
        outcome->id = std::to_string(account) + ':' + std::to_string(outcome->place.seq);
        Delivery delivery{.id = id_of(1'000 + static_cast<int>(++made_)), .event_id = outcome->id, .event_type = ""};
        delivery.account_id = outcome->account_id;
        delivery.lane = outcome->lane;
        delivery.place = outcome->place;
        feed::FeedPosition read;
        read.advance(outcome->lane, outcome->place);
        delivery.outcome = std::move(outcome);
        queue_.add(std::move(delivery), clock_.steady_now());
        queue_.advance(read);
    }
    static Uuid id_of(int number) {
        Uuid id;
        id.bytes[14] = static_cast<std::uint8_t>(number >> 8);
        id.bytes[15] = static_cast<std::uint8_t>(number);
        return id;
    }
    // What is given now, which stays under way.
    std::string next() {
        const Delivery* next = queue_.next(clock_.steady_now());
        return next ? next->event_id : "";
    }
    EndpointQueue::Verdict finish(int account, bool taken) {
        return queue_.finish(
            id_of(account),
            {.at = {}, .status = taken ? 200 : 500, .duration = {}, .error = taken ? "" : "the answer was 500"},
            milliseconds(0), clock_);
    }
    // What is to be stored now, and is from now on.
    std::size_t store() {
        std::string rows;
        const std::size_t appended = queue_.append_changes({}, 1, 1'000, rows);
        queue_.note_stored();
        return appended;
    }
    feed::FeedPlace settled(int lane) const { return queue_.settled().at(lane); }

    ManualClock clock_;
    SeededRandom random_{1};
    QueueLimits limits_{.held_max = 20, .loaded_max = 10};
    EndpointQueue queue_{limits_, {}, random_};
    std::map<int, std::int64_t> seqs_;
    std::uint64_t made_ = 0;
};

TEST_F(Queue, GivesOneOfEachAccountAtATimeInTheirOrder) {
    for (const int account : {1, 2, 1, 2}) add(account);
    EXPECT_EQ(next(), "1:1");
    EXPECT_EQ(next(), "2:1");
    EXPECT_EQ(next(), "");
    finish(1, true);
    EXPECT_EQ(next(), "1:2");
    EXPECT_EQ(next(), "");
}

TEST_F(Queue, TriesAnEarlierOneAgainBeforeALaterOne) {
    for (int n = 0; n < 3; ++n) add(1);
    for (int n = 0; n < 2; ++n) {
        EXPECT_EQ(next(), "1:1");
        finish(1, false);
        clock_.advance(std::chrono::seconds(30));
    }
    for (const char* id : {"1:1", "1:2", "1:3"}) {
        EXPECT_EQ(next(), id);
        finish(1, true);
    }
}

TEST_F(Queue, MovesOverWhatWasDeliveredOrStored) {
    for (const int account : {1, 49, 1}) add(account);  // one lane
    EXPECT_EQ(next(), "1:1");
    EXPECT_EQ(next(), "49:2");
    finish(49, true);
    EXPECT_EQ(settled(1).seq, 0);
    EXPECT_EQ(store(), 1u);  // as delivered
    finish(1, false);
    EXPECT_EQ(settled(1).seq, 0);
    EXPECT_EQ(store(), 2u);  // and what waits for it
    EXPECT_EQ(settled(1).seq, 3);
    EXPECT_EQ(queue_.stored(), 2u);
    EXPECT_EQ(store(), 0u);
    add(1);
    EXPECT_EQ(settled(1).seq, 3);
    EXPECT_EQ(store(), 1u);
    EXPECT_EQ(settled(1).seq, 4);
}

TEST_F(Queue, WhatWasNotStoredIsAppendedAgain) {
    add(1);
    next();
    finish(1, false);
    std::string rows;
    EXPECT_EQ(queue_.append_changes({}, 1, 1'000, rows), 1u);  // and the statement fails
    EXPECT_EQ(settled(1).seq, 0);
    EXPECT_EQ(store(), 1u);
    EXPECT_EQ(settled(1).seq, 1);
}

TEST_F(Queue, WaitsLongerAfterEachFailureAndGivesUpInTheEnd) {
    add(1);
    const WallTime begin = clock_.wall_now();
    milliseconds longest{0};
    int attempts = 0;
    for (auto verdict = EndpointQueue::Verdict::go_on; verdict == EndpointQueue::Verdict::go_on; ++attempts) {
        const auto pause =
            std::max(std::chrono::ceil<milliseconds>(queue_.due() - clock_.steady_now()), milliseconds(0));
        longest = std::max(longest, pause);
        clock_.advance(pause);
        store();
        for (Delivery* each : queue_.to_load(clock_.steady_now(), 10))
            queue_.loaded(*each, std::make_shared<feed::Outcome>());
        ASSERT_NE(queue_.next(clock_.steady_now()), nullptr);
        verdict = finish(1, false);
    }
    EXPECT_GE(clock_.wall_now() - begin, std::chrono::hours(72));
    EXPECT_LE(clock_.wall_now() - begin, std::chrono::hours(73));
    EXPECT_GE(longest, std::chrono::minutes(30));
    EXPECT_LE(longest, std::chrono::hours(1));
    EXPECT_GE(attempts, 72);
    EXPECT_LE(attempts, 160);
}

TEST_F(Queue, OneThatTakesNothingIsSentOneAtATimeUntilItTakesOne) {
    for (int account = 1; account <= 6; ++account) add(account);
    for (int n = 0; n < 3; ++n) next();
    for (int account = 1; account <= 3; ++account) finish(account, false);
    EXPECT_EQ(next(), "");  // not yet
    clock_.advance(std::chrono::seconds(5));
    EXPECT_EQ(next(), "4:1");
    EXPECT_EQ(next(), "");
    finish(4, true);
    store();
    std::set<std::string> rest;
    for (Delivery* each : queue_.to_load(clock_.steady_now(), 10))
        queue_.loaded(*each, std::make_shared<feed::Outcome>());
    while (true) {
        const std::string id = next();
        if (id.empty()) break;
        rest.insert(id);
    }
    EXPECT_EQ(rest, (std::set<std::string>{"1:1", "2:1", "3:1", "5:1", "6:1"}));
}

TEST_F(Queue, HasRoomForSoMuchInMemoryAndSoMuchAtAll) {
    EXPECT_EQ(queue_.room(), 10u);
    for (int n = 0; n < 10; ++n) add(1);
    EXPECT_EQ(queue_.room(), 0u);
    next();
    finish(1, false);
    store();  // stored events leave the memory
    EXPECT_EQ(queue_.room(), 10u);
    for (int n = 0; n < 10; ++n) add(1);
    store();
    EXPECT_EQ(queue_.room(), 0u);
}

TEST_F(Queue, GoesOnWithWhatAnotherNotifierLeft) {
    Delivery left{.id = id_of(7), .event_id = "left", .event_type = ""};
    left.account_id = id_of(1);
    left.lane = 1;
    left.place = {1, 0};
    left.attempts = 1;
    left.first_attempt_at = clock_.wall_now();
    left.next_attempt_at = clock_.wall_now() + std::chrono::seconds(3);
    std::vector<Delivery> pending;
    pending.push_back(std::move(left));
    queue_.restore(std::move(pending), clock_);
    seqs_[1] = 1;
    add(1);
    EXPECT_TRUE(queue_.to_load(clock_.steady_now(), 10).empty());
    clock_.advance(std::chrono::seconds(3));
    for (Delivery* each : queue_.to_load(clock_.steady_now(), 10))
        queue_.loaded(*each, std::make_shared<feed::Outcome>());
    EXPECT_EQ(next(), "left");
    finish(1, true);
    EXPECT_EQ(next(), "1:2");
}

TEST_F(Queue, WhatWasAskedForIsTriedOnceAndHoldsUpNothing) {
    Delivery ping{.id = id_of(9), .event_id = "ping", .event_type = "ping", .body = "{}", .tries_max = 1};
    queue_.add_requested(ping, clock_.steady_now());
    queue_.add_requested(ping, clock_.steady_now());
    add(1);
    const std::set<std::string> both{next(), next()};
    EXPECT_EQ(both, (std::set<std::string>{"1:1", "ping"}));
    EXPECT_EQ(next(), "");
    finish(9, false);
    queue_.add_requested(ping, clock_.steady_now());  // its row was not stored yet
    EXPECT_EQ(next(), "");
    EXPECT_EQ(store(), 1u);
    EXPECT_EQ(queue_.stored(), 0u);
}

}  // namespace
}  // namespace ledgerline::notify
