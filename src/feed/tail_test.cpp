// FeedTail on a store whose contents the tests set.
#include "feed/tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <ranges>

namespace ledgerline::feed {
namespace {

using Kind = Tailed::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

class ScriptedStore final : public FeedStore {
public:
    Result<FeedPosition> ends() override {
        std::lock_guard lock(mutex_);
        if (away_) {
            ++reads_;
            changed_.notify_all();
            return failure(Disposition::retry, "08006", "away");
        }
        FeedPosition end;
        for (const auto& outcome : outcomes_) end.advance(outcome->lane, outcome->place);
        return end;
    }
    Result<FeedWindow> read(const FeedPosition& from, const WindowLimits& limits) override {
        std::lock_guard lock(mutex_);
        ++reads_;
        changed_.notify_all();
        if (away_) return failure(Disposition::retry, "08006", "away");
        FeedWindow window{.outcomes = {}, .position = from, .more = false};
        for (const auto& outcome : outcomes_) {
            if (outcome->place <= from.at(outcome->lane)) continue;
            window.more = window.outcomes.size() == limits.rows_max;
            if (window.more) break;
            window.outcomes.push_back(outcome);
            window.position.advance(outcome->lane, outcome->place);
        }
        return window;
    }

    void add(int lane, std::int64_t seq, OutcomeType type = OutcomeType::processed) {
        Uuid account;
        account.bytes[15] = static_cast<std::uint8_t>(lane);
        Outcome outcome{.type = type,
                        .lane = lane,
                        .place = {seq, 0},
                        .account_id = account,
                        .tenant_name = {},
                        .id = {},
                        .time = {},
                        .data = {}};
        outcome.id = std::to_string(lane) + ":" + std::to_string(seq);
        std::lock_guard lock(mutex_);
        outcomes_.push_back(std::make_shared<const Outcome>(std::move(outcome)));
    }
    // What a standby that lagged behind has when it takes over.
    void lose_newest() {
        std::lock_guard lock(mutex_);
        outcomes_.pop_back();
    }
    void set_away(bool away) {
        std::lock_guard lock(mutex_);
        away_ = away;
    }
    int reads() {
        std::lock_guard lock(mutex_);
        return reads_;
    }
    void await_reads(int count) {
        std::unique_lock lock(mutex_);
        const int wanted = reads_ + count;
        changed_.wait(lock, [&] { return reads_ >= wanted; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<const Outcome>> outcomes_;
    bool away_ = false;
    int reads_ = 0;
};

class FeedTails : public testing::Test {
protected:
    std::future<Tailed> follow(const FeedPosition& from, const FeedFilter& filter = {}, std::size_t rows_max = 100,
                               milliseconds patience = std::chrono::minutes(1)) {
        auto promise = std::make_shared<std::promise<Tailed>>();
        auto future = promise->get_future();
        tail_.follow(from, filter, rows_max, clock_.steady_now() + patience,
                     [promise](Tailed tailed) { promise->set_value(std::move(tailed)); });
        return future;
    }
    void add_and_wake(int lane, std::int64_t seq, OutcomeType type = OutcomeType::processed) {
        store_.add(lane, seq, type);
        tail_.wakeup().notify();
    }
    static std::vector<std::string> ids(const Tailed& tailed) {
        std::vector<std::string> out;
        for (const auto& outcome : tailed.outcomes) out.push_back(outcome->id);
        return out;
    }
    FeedPosition ends() { return *store_.ends(); }

    ScriptedStore store_;
    SystemClock clock_;
    Metrics metrics_{"test"};
    TailConfig config_{.kept_max = 5, .window = {.rows_max = 2}, .gap = milliseconds(1)};
    FeedTail tail_{store_, config_, clock_, metrics_};
};

TEST_F(FeedTails, OneReadServesEverybody) {
    tail_.start();
    std::vector<std::future<Tailed>> all;
    for (int i = 0; i < 50; ++i) all.push_back(follow(ends()));
    store_.await_reads(2);
    const int before = store_.reads();
    add_and_wake(3, 1);
    for (auto& each : all) {
        const Tailed tailed = each.get();
        EXPECT_EQ(tailed.kind, Kind::told);
        EXPECT_THAT(ids(tailed), ElementsAre("3:1"));
        EXPECT_EQ(tailed.position, ends());
    }
    EXPECT_LT(store_.reads() - before, 10);
}

TEST_F(FeedTails, WhatWasKeptIsNotReadAgain) {
    tail_.start();
    const FeedPosition start = ends();
    auto first = follow(start);
    store_.await_reads(1);
    add_and_wake(3, 1);
    EXPECT_THAT(ids(first.get()), ElementsAre("3:1"));
    EXPECT_THAT(ids(follow(start).get()), ElementsAre("3:1"));
    // A page holds what fits, and the position is that of its last.
    add_and_wake(3, 2);
    add_and_wake(4, 1);
    EXPECT_THAT(ids(follow(ends(), {}, 100, milliseconds(1)).get()), IsEmpty());
    const Tailed page = follow(start, {}, 2).get();
    EXPECT_THAT(ids(page), ElementsAre("3:1", "3:2"));
    EXPECT_EQ(page.position.at(3).seq, 2);
    EXPECT_EQ(page.position.at(4).seq, 0);
    EXPECT_THAT(ids(follow(page.position).get()), ElementsAre("4:1"));
}

TEST_F(FeedTails, WhoIsBehindWhatIsKeptIsToldSo) {
    store_.add(3, 1);
    tail_.start();
    const Tailed cold = follow(FeedPosition()).get();
    EXPECT_EQ(cold.kind, Kind::behind);
    EXPECT_EQ(cold.position, FeedPosition());
    const FeedPosition start = ends();
    auto waiting = follow(start, {}, 8);
    for (int seq = 2; seq <= 9; ++seq) store_.add(3, seq);
    tail_.wakeup().notify();
    EXPECT_EQ(waiting.get().kind, Kind::told);
    EXPECT_EQ(follow(ends(), {}, 1, milliseconds(1)).get().kind, Kind::nothing);
    EXPECT_EQ(follow(start).get().kind, Kind::behind);
    // An account in another lane is not behind.
    FeedFilter filter;
    filter.account_id.emplace().bytes[15] = 5;
    EXPECT_EQ(follow(start, filter, 1, milliseconds(1)).get().kind, Kind::nothing);
}

TEST_F(FeedTails, FiltersAreThoseOfEachWait) {
    tail_.start();
    FeedFilter of_account, of_type;
    of_account.account_id.emplace().bytes[15] = 4;
    of_type.add(OutcomeType::failed);
    auto account = follow(ends(), of_account), type = follow(ends(), of_type);
    auto both = of_account;
    both.add(OutcomeType::failed);
    auto never = follow(ends(), both, 10, milliseconds(300));
    store_.await_reads(1);
    add_and_wake(3, 1, OutcomeType::failed);
    EXPECT_THAT(ids(type.get()), ElementsAre("3:1"));
    add_and_wake(4, 1);
    const Tailed of_four = account.get();
    EXPECT_THAT(ids(of_four), ElementsAre("4:1"));
    EXPECT_EQ(of_four.position.at(3).seq, 0);  // nothing is known of other lanes
    const Tailed nothing = never.get();
    EXPECT_EQ(nothing.kind, Kind::nothing);
    EXPECT_EQ(nothing.position.at(4).seq, 1);  // what does not match was passed
}

TEST_F(FeedTails, AnOutageLosesNothing) {
    tail_.start();
    auto waiting = follow(ends());
    store_.await_reads(1);
    store_.set_away(true);
    add_and_wake(3, 1);
    store_.await_reads(2);
    store_.set_away(false);
    // What came meanwhile is in the database.
    EXPECT_EQ(waiting.get().kind, Kind::behind);
    // Nor does one at the start: who came meanwhile is behind what is kept afterwards.
    store_.set_away(true);
    FeedTail other(store_, config_, clock_, metrics_);
    std::promise<Tailed> promise;
    other.follow(FeedPosition(), {}, 10, clock_.steady_now() + std::chrono::minutes(1),
                 [&](Tailed tailed) { promise.set_value(std::move(tailed)); });
    other.start();
    store_.set_away(false);
    EXPECT_EQ(promise.get_future().get().kind, Kind::behind);
}

TEST_F(FeedTails, WhatWasKeptIsNotTakenForWhatAnotherServerHas) {
    tail_.start();
    auto waiting = follow(ends());
    store_.await_reads(1);
    add_and_wake(3, 1);
    EXPECT_THAT(ids(waiting.get()), ElementsAre("3:1"));
    auto during = follow(ends());
    store_.set_away(true);
    store_.await_reads(2);
    store_.lose_newest();
    store_.add(3, 1, OutcomeType::parked);
    store_.set_away(false);
    EXPECT_EQ(follow(FeedPosition()).get().kind, Kind::behind) << "the database has what is true now";
    tail_.stop();
    EXPECT_THAT(ids(during.get()), IsEmpty());
}

TEST_F(FeedTails, StoppingAnswersEverybody) {
    tail_.start();
    auto waiting = follow(ends());
    tail_.stop();
    EXPECT_EQ(waiting.get().kind, Kind::closed);
    EXPECT_EQ(follow(ends()).get().kind, Kind::closed);
}

TEST_F(FeedTails, NobodyWaitsAndNothingIsRead) {
    tail_.start();
    EXPECT_EQ(follow(ends(), {}, 1, milliseconds(1)).get().kind, Kind::nothing);
    const int before = store_.reads();
    for (int i = 0; i < 20; ++i) tail_.wakeup().notify();
    add_and_wake(3, 1);
    EXPECT_THAT(ids(follow(FeedPosition()).get()), ElementsAre("3:1"));
    EXPECT_LE(store_.reads() - before, 2);
}

TEST_F(FeedTails, SeatsAreLimited) {
    std::vector<FeedTail::Seat> seats;
    for (std::size_t i = 0; i < config_.seats; ++i) seats.push_back(tail_.take_seat());
    EXPECT_TRUE(seats.back());
    EXPECT_FALSE(tail_.take_seat());
    seats.pop_back();
    EXPECT_TRUE(tail_.take_seat());
}

}  // namespace
}  // namespace ledgerline::feed
