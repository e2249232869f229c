// OutcomeWatcher on a store whose contents the tests set.
#include "api/outcome_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <set>

#include "base/clock.h"

namespace ledgerline::api {
namespace {

using testing::ElementsAre;

Uuid id_of(int number) {
    Uuid id;
    id.bytes[15] = static_cast<std::uint8_t>(number);
    return id;
}

TransactionRecord transaction(int number, int lane, std::int64_t seq, const char* status = "PENDING") {
    TransactionRecord record;
    record.id = id_of(number);
    record.lane = lane;
    record.seq = seq;
    record.status = status;
    return record;
}

class ScriptedStore final : public OutcomeStore {
public:
    Result<Seqs> applied_seqs(const Seqs& at_least) override {
        std::lock_guard lock(mutex_);
        ++ticks_;
        changed_.notify_all();
        if (away_) return failure(Disposition::retry, "08006", "away");
        Seqs applied;
        for (const auto& [lane, seq] : at_least)
            if (applied_[lane] >= seq) applied[lane] = applied_[lane];
        return applied;
    }
    Result<std::vector<TransactionRecord>> read(std::span<const Uuid> ids) override {
        std::lock_guard lock(mutex_);
        if (away_) return failure(Disposition::retry, "08006", "away");
        reads_.emplace_back(ids.begin(), ids.end());
        std::vector<TransactionRecord> found;
        for (const Uuid& id : ids)
            if (const auto record = records_.find(id); record != records_.end()) found.push_back(record->second);
        return found;
    }

    void put(const TransactionRecord& record) {
        std::lock_guard lock(mutex_);
        records_[record.id] = record;
    }
    void apply(int lane, std::int64_t seq) {
        std::lock_guard lock(mutex_);
        applied_[lane] = seq;
    }
    void set_away(bool away) {
        std::lock_guard lock(mutex_);
        away_ = away;
    }
    // Waits until that many more ticks have begun.
    void await_ticks(int count) {
        std::unique_lock lock(mutex_);
        const int wanted = ticks_ + count;
        changed_.wait(lock, [&] { return ticks_ >= wanted; });
    }
    int ticks() {
        std::lock_guard lock(mutex_);
        return ticks_;
    }
    std::vector<std::set<Uuid>> reads() {
        std::lock_guard lock(mutex_);
        return reads_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, std::int64_t> applied_;
    std::map<Uuid, TransactionRecord> records_;
    std::vector<std::set<Uuid>> reads_;
    bool away_ = false;
    int ticks_ = 0;
};

class OutcomeWatcherTest : public testing::Test {
protected:
    using Settled = OutcomeWatcher::Settled;

    std::future<Settled> watch(std::vector<TransactionRecord> records,
                               std::chrono::seconds wait = std::chrono::seconds(30)) {
        auto promise = std::make_shared<std::promise<Settled>>();
        auto settled = promise->get_future();
        watcher_.watch(std::move(records), clock_.steady_now() + wait,
                       [promise](Settled value) { promise->set_value(std::move(value)); });
        return settled;
    }
    static std::vector<std::string> statuses(const Settled& settled) {
        std::vector<std::string> all;
        for (const auto& record : settled.records) all.push_back(record.status);
        return all;
    }
    static bool is_done(const std::future<Settled>& settled) {
        return settled.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }

    ManualClock clock_;
    ScriptedStore store_;
    Metrics metrics_{"test"};
    OutcomeWatcher watcher_{store_, {.transactions_max = 10}, clock_, metrics_};
};

TEST_F(OutcomeWatcherTest, AnswersWhenEverythingIsSettled) {
    watcher_.start();
    auto settled = watch({transaction(1, 0, 5), transaction(2, 3, 7), transaction(3, 1, 1, "FAILED")});
    store_.await_ticks(2);
    EXPECT_FALSE(is_done(settled));
    store_.put(transaction(1, 0, 5, "PROCESSED"));
    store_.apply(0, 5);
    store_.await_ticks(3);
    EXPECT_FALSE(is_done(settled));
    TransactionRecord parked = transaction(2, 3, 7, "PROCESSING");
    parked.dead_letter_id = id_of(99);
    store_.put(parked);
    store_.apply(3, 9);
    const Settled result = settled.get();
    EXPECT_TRUE(result.waited);
    EXPECT_THAT(statuses(result), ElementsAre("PROCESSED", "PROCESSING", "FAILED"));
    EXPECT_EQ(result.records[1].dead_letter_id, id_of(99));
    // Only transactions that the cursors had passed were read, and none twice.
    EXPECT_THAT(store_.reads(), ElementsAre(std::set{id_of(1)}, std::set{id_of(2)}));
}

TEST_F(OutcomeWatcherTest, OneReadServesAllWaiters) {
    auto first = watch({transaction(1, 0, 1)}), second = watch({transaction(2, 0, 2)}),
         same = watch({transaction(1, 0, 1)});
    for (int number : {1, 2}) store_.put(transaction(number, 0, number, "PROCESSED"));
    store_.apply(0, 2);
    watcher_.start();
    for (auto* settled : {&first, &second, &same}) EXPECT_THAT(statuses(settled->get()), ElementsAre("PROCESSED"));
    EXPECT_THAT(store_.reads(), ElementsAre(std::set{id_of(1), id_of(2)}));
    EXPECT_EQ(store_.ticks(), 1);
}

TEST_F(OutcomeWatcherTest, WaitsForTheNewEventOfAReplayedLetter) {
    watcher_.start();
    store_.put(transaction(1, 0, 9));  // replayed: its event is now the lane's ninth
    store_.apply(0, 5);
    auto settled = watch({transaction(1, 0, 5)});
    store_.await_ticks(4);
    EXPECT_FALSE(is_done(settled));
    EXPECT_EQ(store_.reads().size(), 1u);
    store_.put(transaction(1, 0, 9, "PROCESSED"));
    store_.apply(0, 9);
    EXPECT_THAT(statuses(settled.get()), ElementsAre("PROCESSED"));
}

TEST_F(OutcomeWatcherTest, AnswersAtTheDeadlineWithTheCurrentState) {
    watcher_.start();
    store_.put(transaction(1, 0, 5, "PROCESSING"));
    auto settled = watch({transaction(1, 0, 5)}, std::chrono::seconds(7));
    store_.await_ticks(2);
    clock_.advance(std::chrono::milliseconds(6'999));
    store_.await_ticks(2);
    EXPECT_FALSE(is_done(settled));
    clock_.advance(std::chrono::milliseconds(1));
    const Settled result = settled.get();
    EXPECT_TRUE(result.waited);
    EXPECT_THAT(statuses(result), ElementsAre("PROCESSING"));
}

TEST_F(OutcomeWatcherTest, SurvivesAnOutageAndAnswersWithWhatItKnows) {
    watcher_.start();
    store_.set_away(true);
    auto first = watch({transaction(1, 0, 5)}, std::chrono::seconds(5));
    auto second = watch({transaction(2, 0, 6)}, std::chrono::seconds(60));
    store_.await_ticks(2);
    clock_.advance(std::chrono::seconds(5));
    EXPECT_THAT(statuses(first.get()), ElementsAre("PENDING"));
    store_.put(transaction(2, 0, 6, "PROCESSED"));
    store_.apply(0, 6);
    store_.set_away(false);
    EXPECT_THAT(statuses(second.get()), ElementsAre("PROCESSED"));
}

// Outcomes of other processes are found without a notification, also for a request that arrives when the watcher has
// slowed down.
TEST_F(OutcomeWatcherTest, SlowsDownForThoseWhoWaitLongAndWakesForNewcomers) {
    OutcomeWatcher watcher{store_, {.idle_max = std::chrono::hours(1)}, clock_, metrics_};
    const auto watch_until = [&](int number, std::promise<Settled>& promise) {
        watcher.watch({transaction(number, 0, number)}, clock_.steady_now() + std::chrono::hours(10),
                      [&promise](Settled settled) { promise.set_value(std::move(settled)); });
    };
    std::promise<Settled> patient, newcomer;
    watch_until(2, patient);
    clock_.advance(std::chrono::hours(1));
    watcher.start();
    store_.await_ticks(2);
    clock_.advance(std::chrono::hours(1));
    store_.await_ticks(1);  // the last one for an hour, unless a request arrives
    store_.put(transaction(1, 0, 1, "PROCESSED"));
    store_.apply(0, 1);
    watch_until(1, newcomer);
    EXPECT_THAT(statuses(newcomer.get_future().get()), ElementsAre("PROCESSED"));
    watcher.stop();
    EXPECT_THAT(statuses(patient.get_future().get()), ElementsAre("PENDING"));
}

TEST_F(OutcomeWatcherTest, AsksNothingWhenNobodyWaits) {
    watcher_.start();
    const Settled settled = watch({transaction(1, 0, 5, "PROCESSED")}).get();
    EXPECT_TRUE(settled.waited);
    EXPECT_TRUE(watch({}).get().waited);
    watcher_.wakeup().notify();
    watcher_.stop();
    EXPECT_EQ(store_.ticks(), 0);
}

TEST_F(OutcomeWatcherTest, LimitsHowManyAreWaitedFor) {
    watcher_.start();
    std::vector<TransactionRecord> ten;
    for (int number = 0; number < 10; ++number) ten.push_back(transaction(number, 0, number + 1));
    auto waiting = watch(ten);
    const Settled refused = watch({transaction(20, 1, 1)}).get();
    EXPECT_FALSE(refused.waited);
    EXPECT_THAT(statuses(refused), ElementsAre("PENDING"));
    for (auto& record : ten) {
        record.status = "PROCESSED";
        store_.put(record);
    }
    store_.apply(0, 10);
    waiting.get();
    store_.put(transaction(20, 1, 1, "PROCESSED"));
    store_.apply(1, 1);
    EXPECT_TRUE(watch({transaction(20, 1, 1)}).get().waited);
}

TEST_F(OutcomeWatcherTest, StopAnswersEverybodyWithTheCurrentState) {
    watcher_.start();
    auto settled = watch({transaction(1, 0, 5)});
    store_.await_ticks(1);
    store_.put(transaction(1, 0, 5, "PROCESSING"));
    watcher_.stop();
    ASSERT_TRUE(is_done(settled));
    EXPECT_THAT(statuses(settled.get()), ElementsAre("PROCESSING"));
    EXPECT_FALSE(watch({transaction(2, 0, 6)}).get().waited);
    watcher_.stop();
}

}  // namespace
}  // namespace ledgerline::api
