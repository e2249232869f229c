// IntakeBatcher on a store whose answers are scripted.
#include "intake/intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <set>

#include "intake/pace.h"

namespace ledgerline::intake {
namespace {

using Status = IntakeResult::Status;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Keys = std::vector<std::string>;

Error transient(std::string code) { return {Disposition::retry, std::move(code), "away"}; }

// Answers each batch as scripted and records the keys asked for. While closed, it blocks every batch.
constexpr int kLockedLane = 7;

class ScriptedStore final : public IntakeStore {
public:
    using IntakeStore::accept;
    Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items, const LaneWaits& waits) override {
        std::unique_lock lock(mutex_);
        Keys keys;
        for (const IntakeItem& item : items) keys.push_back(item.idempotency_key);
        batches_.push_back(keys);
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
        if (std::exchange(throws_next_, false)) throw std::bad_alloc();
        if (items.size() > rows_in_time_max_) return std::unexpected(transient("57014"));
        if (refuses_all_) return failure(Disposition::refuse, "P0001", "a trigger says no");
        for (const std::string& key : keys)
            if (key == guilty_) return failure(Disposition::refuse, "23514", "a check failed");
        std::set<Uuid> locked_accounts;
        for (const IntakeItem& item : items)
            if (item.idempotency_key == locked_) locked_accounts.insert(item.account_id);
        if (!locked_accounts.empty() && waits.waits_for(kLockedLane)) return std::unexpected(transient("55P03"));
        if (!failures_.empty()) {
            Error error = failures_.front();
            failures_.pop_front();
            if (!locked_next_.empty()) locked_ = std::exchange(locked_next_, {});
            return std::unexpected(error);
        }
        std::vector<IntakeResult> results;
        for (const IntakeItem& item : items) {
            IntakeResult result;
            result.status = item.amount_cents > 0 ? Status::created : Status::account_not_found;
            result.transaction_id = item.transaction_id;
            result.seq = ++seq_;
            if (locked_accounts.contains(item.account_id)) {
                result.status = Status::lane_held;
                result.lane = kLockedLane;
            }
            results.push_back(result);
        }
        return results;
    }
    Result<void> ping() override {
        std::lock_guard lock(mutex_);
        ++pings_;
        changed_.notify_all();
        if (!away_) return {};
        return std::unexpected(transient("08006"));
    }

    void close() {
        set([this] { open_ = false; });
    }
    void open() {
        set([this] { open_ = true; });
    }
    void go_away() {
        set([this] { away_ = true; });
    }
    void come_back() {
        set([this] { away_ = false; });
    }
    void set_guilty(std::string key) {
        set([&] { guilty_ = std::move(key); });
    }
    void refuse_all(bool refuses) {
        set([&] { refuses_all_ = refuses; });
    }
    // Larger batches time out.
    void set_rows_in_time_max(std::size_t rows) {
        set([&] { rows_in_time_max_ = rows; });
    }
    void throw_next() {
        set([this] { throws_next_ = true; });
    }
    // As if another session held this row's lane.
    void set_locked(std::string key) {
        set([&] { locked_ = std::move(key); });
    }
    // Like set_locked(), from the next failure on.
    void lock_after_failure(std::string key) {
        set([&] { locked_next_ = std::move(key); });
    }
    void fail_next(Error error) {
        set([&] { failures_.push_back(std::move(error)); });
    }

    std::vector<Keys> batches() {
        std::lock_guard lock(mutex_);
        return batches_;
    }
    void await_batches(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return batches_.size() >= count; });
    }
    void await_pings(int count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return pings_ >= count; });
    }

private:
    void set(const std::function<void()>& change) {
        std::lock_guard lock(mutex_);
        change();
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = true;
    bool away_ = false;
    bool refuses_all_ = false;
    bool throws_next_ = false;
    std::size_t rows_in_time_max_ = 1'000'000;
    std::string guilty_;
    std::string locked_;
    std::string locked_next_;
    std::deque<Error> failures_;
    std::vector<Keys> batches_;
    std::int64_t seq_ = 0;
    int pings_ = 0;
};

class IntakeTest : public testing::Test {
protected:
    // A deadline that tests never reach.
    static constexpr milliseconds kLong{600'000};

    ~IntakeTest() override {
        store_.open();
        if (batcher_) batcher_->stop();
    }

    void start(IntakeConfig config = {}) {
        config.backoff = {milliseconds(1), milliseconds(2)};
        batcher_.emplace(
            store_, config, publisher_,
            [this](const Error& error) {
                std::lock_guard lock(mutex_);
                fatal_.push_back(error.code);
            },
            ProcessContext{clock_, random_, ids_, metrics_});
        batcher_->start();
    }
    static IntakeConfig with(milliseconds request_timeout, std::size_t batch_rows_max = 500,
                             std::size_t queue_rows_max = 20'000) {
        IntakeConfig config;
        config.request_timeout = request_timeout;
        config.batch_rows_max = batch_rows_max;
        config.queue_rows_max = queue_rows_max;
        return config;
    }

    // Rows of one account, except that a key that begins with a digit belongs to its own account, one with "=13" is a
    // transfer between two such accounts, and one that begins with ">" follows the row before it.
    std::future<IntakeAnswers> submit(const Keys& keys, std::int64_t amount_cents = 1, int tenant = default_tenant) {
        std::vector<IntakeItem> items;
        for (const std::string& key : keys) {
            IntakeItem& item = items.emplace_back();
            item.idempotency_key = key;
            item.tenant = tenant;
            const auto account = [](char name) {
                Uuid id;
                if (std::isdigit(name) != 0) id.bytes[0] = static_cast<std::uint8_t>(name);
                return id;
            };
            item.account_id = account(key.front());
            item.amount_cents = amount_cents;
            if (key.front() == '=') set_legs(item, {{account(key[1]), account(key[2]), amount_cents, "EUR"}});
            if (key.front() == '>') follow(item, *(&item - 1));
        }
        auto promise = std::make_shared<std::promise<IntakeAnswers>>();
        auto answered = promise->get_future();
        batcher_->submit(std::move(items), [promise, keys](IntakeReply reply) {
            EXPECT_EQ(reply.items.size(), keys.size());
            promise->set_value(std::move(reply.answers));
        });
        return answered;
    }
    // One word per answer: "created", the code of the error, ...
    static Keys words(std::future<IntakeAnswers> answered) {
        Keys words;
        for (const auto& answer : answered.get()) {
            if (!answer)
                words.push_back(answer.error().code);
            else if (answer->status == Status::created)
                words.push_back("created");
            else
                words.push_back(answer->status == Status::failed ? "failed" : "refused");
        }
        return words;
    }

    SystemClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"test"};
    Wakeup publisher_;
    ScriptedStore store_;
    std::mutex mutex_;
    Keys fatal_;
    std::optional<IntakeBatcher> batcher_;
};

TEST_F(IntakeTest, AnswersEachRequestWithItsOwnRows) {
    start();
    EXPECT_THAT(words(submit({"a", "b"})), ElementsAre("created", "created"));
    EXPECT_THAT(words(submit({"c"}, 0)), ElementsAre("refused"));
    EXPECT_THAT(words(submit({})), IsEmpty());
    EXPECT_THAT(metrics_.to_text(), HasSubstr("intake_rows_total{result=\"created\"} 2\n"));
    EXPECT_THAT(metrics_.to_text(), HasSubstr("intake_rows_total{result=\"refused\"} 1\n"));
}

TEST_F(IntakeTest, TakesWhateverWaitsWhenABatchIsDone) {
    start();
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto second = submit({"b", "c"}), third = submit({"d"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("created"));
    EXPECT_THAT(words(std::move(second)), ElementsAre("created", "created"));
    EXPECT_THAT(words(std::move(third)), ElementsAre("created"));
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"a"}, Keys{"b", "c", "d"}));
}

// One of those who were just answered sends again.
TEST_F(IntakeTest, AfterABatchOfSeveralRowsItGathersThoseThatStillCome) {
    IntakeConfig config;
    config.gathering.step = milliseconds(300);
    config.gathering.max = kLong;
    start(config);
    store_.close();
    auto first = submit({"a", "b", "c", "d", "e", "f"});
    store_.await_batches(1);
    auto second = submit({"g"});
    store_.open();
    EXPECT_EQ(words(std::move(first)), Keys(6, "created"));
    auto third = submit({"h"});
    EXPECT_THAT(words(std::move(second)), ElementsAre("created"));
    EXPECT_THAT(words(std::move(third)), ElementsAre("created"));
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"a", "b", "c", "d", "e", "f"}, Keys{"g", "h"}));
}

TEST_F(IntakeTest, GathersNothingAfterAFewRowsNorWhenThereAreEnough) {
    IntakeConfig config;
    config.gathering.rows_enough = 2;
    config.gathering.quiet = config.gathering.max = kLong;  // it would never end
    start(config);
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto second = submit({"b", "c", "d", "e", "f", "g"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("created"));
    store_.close();
    store_.await_batches(2);
    auto third = submit({"h", "i"});
    store_.open();
    EXPECT_EQ(words(std::move(second)), Keys(6, "created"));
    EXPECT_THAT(words(std::move(third)), ElementsAre("created", "created"));
}

TEST_F(IntakeTest, GathersNoLongerOnceAsManyHaveComeAsWereAnswered) {
    IntakeConfig config;
    config.gathering.quiet = config.gathering.max = kLong;  // it would never end
    start(config);
    EXPECT_EQ(words(submit({"a", "b", "c", "d", "e", "f"})), Keys(6, "created"));
    auto second = submit({"g", "h", "i"});
    auto third = submit({"j", "k", "l"});
    EXPECT_EQ(words(std::move(second)), Keys(3, "created"));
    EXPECT_EQ(words(std::move(third)), Keys(3, "created"));
    EXPECT_THAT(store_.batches(), SizeIs(2));
}

TEST(ShortBatches, AreShortWhileOneTenantSendsMuchAndAnotherLittle) {
    ManualClock clock;
    ShortBatches batches({.batch_max = milliseconds(4), .batch_rows_min = 10, .remembered = milliseconds(100)});
    const auto note = [&](ShortBatches::Part part) { batches.note(std::array{part}, clock.steady_now()); };
    const auto is_short = [&] { return batches.rows_max(clock.steady_now()) < 1000; };
    batches.learn(100, milliseconds(8));
    note({.tenant = 1, .rows = 1});
    note({.tenant = 1, .rows = 11});
    note({.tenant = 1, .rows = 1});
    EXPECT_FALSE(is_short()) << "it is alone";
    note({.tenant = 2, .rows = 11});
    EXPECT_FALSE(is_short()) << "both send much";
    note({.tenant = 3, .rows = 10});
    EXPECT_EQ(batches.rows_max(clock.steady_now()), 50) << "half as many took twice as long";
    EXPECT_EQ(batches.rest(clock.steady_now()), milliseconds(4));
    EXPECT_TRUE(batches.sends_much(1, clock.steady_now()));
    EXPECT_FALSE(batches.sends_much(3, clock.steady_now()));
    batches.learn(50, milliseconds(100));
    EXPECT_EQ(batches.rows_max(clock.steady_now()), 10);
    EXPECT_EQ(batches.rest(clock.steady_now()), milliseconds(5)) << "no longer than that";
    clock.advance(milliseconds(100));
    EXPECT_FALSE(is_short()) << "that is long ago";
    note({.tenant = 1, .rows = 2});
    EXPECT_FALSE(is_short()) << "nobody sends much";
    note({.tenant = 3, .rows = 1, .whole = false});
    EXPECT_TRUE(is_short()) << "others of it wait";
}

class IntakeSharing : public IntakeTest {
protected:
    // The sizes of the batches of a tenant that sends 250 rows while others send as many; all batches are too slow.
    std::vector<std::size_t> batches_beside(std::size_t rows) {
        IntakeConfig config = with(kLong, 100);
        config.sharing = {.batch_max = milliseconds(0), .batch_rows_min = 50, .remembered = kLong};
        start(config);
        store_.close();
        auto first = submit({"a"});
        store_.await_batches(1);
        auto much = submit(Keys(250, "b")), other = submit(Keys(rows, "c"), 1, default_tenant + 1);
        store_.open();
        for (auto* answered : {&first, &much, &other}) answered->wait();
        std::vector<std::size_t> sizes;
        for (const Keys& keys : store_.batches()) sizes.push_back(keys.size());
        return sizes;
    }
};

TEST_F(IntakeSharing, BatchesAreShortWhileOneTenantSendsMuchAndAnotherLittle) {
    EXPECT_THAT(batches_beside(1), ElementsAre(1, 100, 50, 50, 50, 1));
}

TEST_F(IntakeSharing, BatchesAreWholeWhileAllTenantsSendMuch) {
    EXPECT_THAT(batches_beside(250), ElementsAre(1, 100, 100, 100, 100, 100));
}

TEST_F(IntakeSharing, BatchesAreWholeWhileThereIsOneTenant) {
    EXPECT_THAT(batches_beside(0), ElementsAre(1, 100, 100, 50));
}

TEST_F(IntakeSharing, WhoSendsMuchRestsAndWhoSendsLittleDoesNotWait) {
    constexpr int kOther = default_tenant + 1;
    IntakeConfig config = with(kLong, 100);
    config.sharing = {.batch_rows_min = 50, .remembered = kLong, .rest_percent = 1'000'000'000, .rest_max = kLong};
    start(config);
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto much = submit(Keys(450, "b")), little = submit({"c"}, 1, kOther);
    store_.open();
    EXPECT_THAT(words(std::move(little)), ElementsAre("created"));
    const std::size_t batches = store_.batches().size();
    for (std::size_t nth = 1; nth <= 3; ++nth) {
        EXPECT_THAT(words(submit({"d"}, 1, kOther)), ElementsAre("created"));
        EXPECT_THAT(store_.batches(), SizeIs(batches + nth)) << "none of the other one's in between";
        EXPECT_THAT(store_.batches().back(), Contains("b")) << "but some along with it";
    }
    batcher_->stop();
    EXPECT_THAT(words(std::move(much)), Contains(std::string(shutting_down)));
}

// What arrives while it waits is one batch.
TEST_F(IntakeTest, WaitsForTheWorkerBeforeEachBatch) {
    std::promise<void> first_is_in;
    IntakeConfig config;
    config.pause = [&, asked = 0]() mutable {
        if (++asked == 2) first_is_in.get_future().wait();
        return asked == 2 ? milliseconds(20) : milliseconds(0);
    };
    start(config);
    EXPECT_THAT(words(submit({"a"})), ElementsAre("created"));
    auto second = submit({"b"}), third = submit({"c"});
    first_is_in.set_value();
    EXPECT_THAT(words(std::move(second)), ElementsAre("created"));
    EXPECT_THAT(words(std::move(third)), ElementsAre("created"));
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"a"}, Keys{"b", "c"}));
    EXPECT_THAT(metrics_.to_text(), HasSubstr("intake_paced_seconds_total 0.02\n"));
}

TEST_F(IntakeTest, StoppingDoesNotWaitForTheWorker) {
    IntakeConfig config;
    config.pause = [] { return kLong; };
    start(config);
    auto answered = submit({"a"});
    batcher_->stop();
    EXPECT_THAT(words(std::move(answered)), ElementsAre("shutting_down"));
}

TEST(Pace, WaitsWhileWhatIsDecidedWasAcceptedLongAgo) {
    const ManualClock clock;
    const SteadyTime now = clock.steady_now();
    // Of another clock, which is an hour ahead.
    const WallTime accepted = clock.wall_now() + std::chrono::hours(1);
    Pace pace;
    pace.accepted(accepted, now);
    EXPECT_EQ(pace.pause(now), milliseconds(0));
    pace.decided(accepted, now + Pace::lag_max);
    EXPECT_EQ(pace.pause(now + Pace::lag_max), milliseconds(0));
    pace.decided(accepted, now + Pace::lag_max + milliseconds(10));
    EXPECT_EQ(pace.pause(now + Pace::lag_max + milliseconds(10)), milliseconds(10));
    pace.decided(accepted, now + std::chrono::seconds(9));
    EXPECT_EQ(pace.pause(now + std::chrono::seconds(9)), Pace::pause_max);
}

// A worker that is stuck, or has nothing to do, slows nobody down.
TEST(Pace, ForgetsWhatWasToldLongAgo) {
    const ManualClock clock;
    const SteadyTime now = clock.steady_now();
    Pace pace;
    EXPECT_EQ(pace.pause(now), milliseconds(0));
    pace.accepted(clock.wall_now(), now);
    pace.decided(clock.wall_now(), now + std::chrono::seconds(9));
    EXPECT_EQ(pace.pause(now + std::chrono::seconds(9) + Pace::told_max + milliseconds(1)), milliseconds(0));
}

TEST_F(IntakeTest, SplitsBatchesInOrderOfArrival) {
    start(with(kLong, 3));
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto second = submit({"b", "c", "d", "e", "f", "g", "h"}), third = submit({"i"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("created"));
    EXPECT_EQ(words(std::move(second)), Keys(7, "created"));
    EXPECT_THAT(words(std::move(third)), ElementsAre("created"));
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"a"}, Keys{"b", "c", "d"}, Keys{"i", "e", "f"}, Keys{"g", "h"}));
}

// One large request and a small one behind it.
TEST_F(IntakeTest, ALargeRequestLetsTheOthersHaveTheirTurn) {
    auto config = with(kLong, 4);
    config.turn_rows_max = 2;
    start(config);
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto large = submit({"b", "c", "d", "e", "f", "g"}), small = submit({"h"}), other = submit({"i", "j", "k"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), Each("created"));
    EXPECT_EQ(words(std::move(large)), Keys(6, "created"));
    EXPECT_THAT(words(std::move(small)), Each("created"));
    EXPECT_EQ(words(std::move(other)), Keys(3, "created"));
    EXPECT_THAT(store_.batches(),
                ElementsAre(Keys{"a"}, Keys{"b", "c", "h", "i"}, Keys{"d", "e", "j", "k"}, Keys{"f", "g"}));
}

TEST_F(IntakeTest, BatchesAndTheQueueAreBoundedInBytes) {
    const std::string large(1'000, 'x');
    const std::size_t bytes = [&] {
        IntakeItem item;
        item.idempotency_key = large;
        return item.bytes();
    }();
    auto config = with(kLong);
    config.batch_bytes_max = 2 * bytes;
    config.queue_bytes_max = 4 * bytes;
    start(config);
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto fits = submit(Keys(3, large));
    EXPECT_THAT(words(submit(Keys(2, large))), Each("overloaded"));
    auto fits_as_well = submit({large});
    store_.open();
    EXPECT_THAT(words(std::move(first)), Each("created"));
    EXPECT_THAT(words(std::move(fits)), Each("created"));
    EXPECT_THAT(words(std::move(fits_as_well)), Each("created"));
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"a"}, Keys(2, large), Keys(2, large)));
    // A row larger than a whole batch goes alone.
    EXPECT_THAT(words(submit({std::string(3'000, 'y')})), ElementsAre("created"));
}

TEST_F(IntakeTest, ABatchThatTakesTooLongIsHalvedAndSoAreThoseThatFollow) {
    start(with(kLong, 8));
    store_.set_rows_in_time_max(3);
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto second = submit({"b", "c", "d", "e", "f", "g", "h", "i"}), third = submit(Keys(8, "j"));
    store_.open();
    EXPECT_THAT(words(std::move(first)), Each("created"));
    EXPECT_EQ(words(std::move(second)), Keys(8, "created"));
    EXPECT_EQ(words(std::move(third)), Keys(8, "created"));
    EXPECT_FALSE(batcher_->trouble().has_value());
    const auto batches = store_.batches();
    ASSERT_GE(batches.size(), 9u);
    EXPECT_THAT(std::vector(batches.begin() + 1, batches.begin() + 8),
                ElementsAre(Keys{"b", "c", "d", "e", "f", "g", "h", "i"}, Keys{"b", "c", "d", "e"}, Keys{"b", "c"},
                            Keys{"d", "e"}, Keys{"f", "g", "h", "i"}, Keys{"f", "g"}, Keys{"h", "i"}));
    EXPECT_EQ(batches[8].size(), 4u);
}

TEST_F(IntakeTest, ARowThatTakesTooLongByItselfIsTriedUntilItsDeadlineAndRefusesNobodyElse) {
    start(with(milliseconds(500), 1));
    store_.set_rows_in_time_max(0);
    EXPECT_THAT(words(submit({"a"})), ElementsAre(testing::AnyOf("overloaded", outcome_unknown)));
    store_.set_rows_in_time_max(10);
    EXPECT_FALSE(batcher_->trouble().has_value());
    EXPECT_THAT(words(submit({"b"})), ElementsAre("created"));
}

TEST_F(IntakeTest, WhenEveryRowIsRefusedForOneReasonItIsAnOutage) {
    start();
    store_.refuse_all(true);
    EXPECT_THAT(words(submit({"a", "b", "c", "d", "e", "f", "g", "h"})), Each("database_unavailable"));
    EXPECT_LT(store_.batches().size(), 8u) << "row by row";
    // Rows that come one at a time fail the same way.
    EXPECT_THAT(words(submit({"i"})), ElementsAre("database_unavailable"));
    EXPECT_FALSE(batcher_->trouble().has_value()) << "the next ones are tried";
    store_.refuse_all(false);
    store_.set_guilty("k");
    EXPECT_THAT(words(submit({"j", "k", "l"})), ElementsAre("created", "failed", "created"));
}

TEST_F(IntakeTest, OutlivesWhatATryThrows) {
    start();
    store_.throw_next();
    EXPECT_THAT(words(submit({"a", "b"})), Each("created"));
    EXPECT_EQ(store_.batches().size(), 2u) << "once when it threw, and once more";
    EXPECT_THAT(metrics_.to_text(), HasSubstr("loop_exceptions_total{loop=\"intake\"} 1\n"));
}

TEST_F(IntakeTest, RefusesWhatExceedsTheQueueBeforeItIsStored) {
    start(with(kLong, 1, 3));
    store_.close();
    auto running = submit({"a"});
    store_.await_batches(1);
    auto waiting = submit({"b", "c"});
    EXPECT_THAT(words(submit({"d", "e"})), Each("overloaded"));
    auto fits = submit({"f"});
    store_.open();
    EXPECT_THAT(words(std::move(running)), ElementsAre("created"));
    EXPECT_THAT(words(std::move(waiting)), ElementsAre("created", "created"));
    EXPECT_THAT(words(std::move(fits)), ElementsAre("created"));
    EXPECT_THAT(store_.batches(), testing::Not(Contains(Contains("d"))));
}

TEST_F(IntakeTest, WakesThePublisherOnlyForNewRows) {
    start();
    EXPECT_THAT(words(submit({"a"})), ElementsAre("created"));
    publisher_.wait(kLong);  // returns because it was notified
    EXPECT_THAT(words(submit({"b"}, 0)), ElementsAre("refused"));
    const SteadyTime begun = clock_.steady_now();
    publisher_.wait(milliseconds(1));
    EXPECT_GE(clock_.steady_now() - begun, milliseconds(1)) << "notified although nothing was stored";
}

TEST_F(IntakeTest, OneGuiltyRowFailsAloneAndTheOthersKeepTheirOrder) {
    start();
    store_.close();
    auto first = submit({"warm up"});
    store_.await_batches(1);
    store_.set_guilty("d");
    auto before = submit({"a", "b"}), with_guilty = submit({"c", "d", "e"}), after = submit({"f"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("created"));
    EXPECT_THAT(words(std::move(before)), Each("created"));
    EXPECT_THAT(words(std::move(with_guilty)), ElementsAre("created", "failed", "created"));
    EXPECT_THAT(words(std::move(after)), ElementsAre("created"));
    // Halves of halves, always the earlier half first.
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"warm up"}, Keys{"a", "b", "c", "d", "e", "f"}, Keys{"a", "b", "c"},
                                              Keys{"d", "e", "f"}, Keys{"d"}, Keys{"e", "f"}));
}

TEST_F(IntakeTest, AHalfThatIsPastItsDeadlineIsNotOvertakenByTheOther) {
    start(with(milliseconds(30)));
    store_.set_guilty("d");
    store_.set_locked("a");
    const Keys answers = words(submit({"a", "b", "c", "d"}));
    EXPECT_THAT(answers, testing::Not(Contains("created")));
    EXPECT_THAT(words(submit({"e"})), ElementsAre("created")) << "the batch before has ended";
    for (const Keys& batch : store_.batches())
        EXPECT_FALSE(std::ranges::count(batch, "c") > 0 && std::ranges::count(batch, "a") == 0) << "the other half";
}

TEST_F(IntakeTest, ALaneThatSomebodyHoldsHoldsUpNoOther) {
    start(with(kLong));
    store_.set_locked("1");
    EXPECT_THAT(words(submit({"1", "2", "3", "1b"})), ElementsAre("overloaded", "created", "created", "overloaded"));
    EXPECT_EQ(store_.batches().size(), 2u);
    // The lane is no longer waited for.
    EXPECT_THAT(words(submit({"4", "1"})), ElementsAre("created", "overloaded"));
    EXPECT_EQ(store_.batches().size(), 3u);
    EXPECT_FALSE(batcher_->trouble().has_value());
    store_.set_locked("");
    EXPECT_THAT(words(submit({"1", "4"})), ElementsAre("created", "created"));
}

// Rows of other accounts behind it are still accepted, although their batch was halved.
TEST_F(IntakeTest, AHeldLaneHoldsUpOnlyItsOwnRowsOfAHalvedBatch) {
    start(with(kLong));
    store_.set_locked("1");
    store_.set_rows_in_time_max(2);
    EXPECT_THAT(words(submit({"1", "2", "3", "1b", "4"})),
                ElementsAre("overloaded", "created", "created", "overloaded", "created"));
}

TEST_F(IntakeTest, AHeldLaneAfterAnUnknownFateIsOfUnknownFate) {
    start(with(kLong));
    store_.set_locked("1");
    store_.fail_next({Disposition::retry, std::string(outcome_unknown), "cut"});
    store_.close();
    auto first = submit({"2"});
    store_.await_batches(1);
    auto second = submit({"1", "3"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("created"));
    EXPECT_THAT(words(std::move(second)), ElementsAre("overloaded", "created"));
    store_.set_locked("");
    EXPECT_THAT(words(submit({"1"})), ElementsAre("created"));
    store_.fail_next({Disposition::retry, std::string(outcome_unknown), "cut"});
    store_.lock_after_failure("1");
    EXPECT_THAT(words(submit({"1", "3"})), ElementsAre(outcome_unknown, "created"));
}

// What is left because of one of its accounts holds up all of them.
TEST_F(IntakeTest, NothingOvertakesATransferThatIsLeft) {
    start(with(kLong));
    store_.set_locked("1");
    store_.set_rows_in_time_max(2);
    EXPECT_THAT(words(submit({"1", "2", "=13", "3", "4"})),
                ElementsAre("overloaded", "created", "overloaded", "overloaded", "created"));
}

TEST_F(IntakeTest, AChainIsAcceptedOrRefusedWhole) {
    start();
    store_.set_guilty(">c");
    EXPECT_THAT(words(submit({"a", "b", ">c", "d"})), ElementsAre("created", "failed", "failed", "created"));
    EXPECT_THAT(store_.batches(),
                ElementsAre(Keys{"a", "b", ">c", "d"}, Keys{"a"}, Keys{"b", ">c", "d"}, Keys{"b", ">c"}, Keys{"d"}));
}

TEST_F(IntakeTest, AChainThatTakesTooLongIsNotCut) {
    start(with(kLong, 4));
    store_.set_rows_in_time_max(2);
    EXPECT_THAT(words(submit({"a", ">b", ">c", "d"})),
                ElementsAre("overloaded", "overloaded", "overloaded", "overloaded"));
    for (const Keys& batch : store_.batches())
        EXPECT_EQ(std::ranges::count(batch, ">c"), std::ranges::count(batch, "a"));
}

TEST(IntakeQueue, HandsOutWholeChains) {
    IntakeQueue queue({100, 1'000'000}, {1, 1'000'000});
    std::vector<IntakeItem> items(5);
    for (const std::size_t i : {1UL, 2UL, 4UL}) follow(items[i], items[i - 1]);
    queue.push(std::move(items), SteadyTime::max(), [](const IntakeReply&) {});
    EXPECT_EQ(queue.take({1, 1'000'000})->items.size(), 3u);
    EXPECT_EQ(queue.take({1, 1})->items.size(), 2u);
    EXPECT_EQ(queue.waiting().size.rows, 0u);
}

// A request that arrives while large requests have rows waiting does not wait for all of them.
TEST(IntakeQueue, ANewRequestGoesBeforeTheRestOfLargeOnes) {
    IntakeQueue queue({100, 1'000'000}, {2, 1'000'000});
    const IntakeQueue::Size four{4, 1'000'000};
    const auto push = [&](const Keys& keys) {
        std::vector<IntakeItem> items(keys.size());
        for (std::size_t i = 0; i < keys.size(); ++i) items[i].idempotency_key = keys[i];
        queue.push(std::move(items), SteadyTime::max(), [](const IntakeReply&) {});
    };
    const auto take = [&] {
        Keys keys;
        for (const IntakeItem& item : queue.take(four)->items) keys.push_back(item.idempotency_key);
        return keys;
    };
    for (const char* name : {"a", "b", "c", "d"}) push(Keys(10, name));
    EXPECT_THAT(take(), ElementsAre("a", "a", "b", "b"));
    push({"x"});
    push({"y"});
    push({"z"});
    EXPECT_THAT(take(), ElementsAre("c", "c", "a", "a")) << "those that have had a turn keep half";
    EXPECT_THAT(take(), ElementsAre("d", "d", "b", "b"));
    EXPECT_THAT(take(), ElementsAre("x", "y", "c", "c"));
    EXPECT_THAT(take(), ElementsAre("z", "a", "a", "d"));
}

TEST(IntakeQueue, RowsThatWaitDoNotOvertakeOnesThatWereNotAccepted) {
    IntakeQueue queue({100, 1'000'000}, {2, 1'000'000});
    const IntakeQueue::Size two{2, 1'000'000};
    Keys codes;
    const SteadyTime deadline = SteadyTime::max();
    queue.push(std::vector<IntakeItem>(5), deadline, [&](const IntakeReply& reply) {
        for (const auto& answer : reply.answers) codes.push_back(answer ? "created" : answer.error().code);
    });
    auto first = queue.take(two);
    IntakeResult created;
    created.status = Status::created;
    queue.answer(*std::move(first), IntakeAnswers(2, created));
    auto second = queue.take(two);
    EXPECT_THAT(codes, IsEmpty());
    IntakeAnswers answers(2, created);
    answers[0] = std::unexpected(transient(std::string(outcome_unknown)));
    queue.answer(*std::move(second), std::move(answers));
    EXPECT_THAT(codes, ElementsAre("created", "created", outcome_unknown, "created", overloaded));
    EXPECT_EQ(queue.waiting().size.rows, 0u);
}

TEST_F(IntakeTest, RunsABatchOfUnknownFateAgainBeforeAnythingElse) {
    start();
    store_.fail_next({Disposition::retry, std::string(outcome_unknown), "cut"});
    store_.fail_next(transient("08006"));
    store_.close();
    auto first = submit({"a", "b"});
    store_.await_batches(1);
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("created", "created"));
    EXPECT_THAT(store_.batches(), Each(Keys{"a", "b"}));
    EXPECT_GE(store_.batches().size(), 3u);
    EXPECT_FALSE(batcher_->trouble().has_value());
}

TEST_F(IntakeTest, AFateThatStaysUnknownIsSaidAtTheDeadline) {
    start(with(milliseconds(30)));
    for (int i = 0; i < 10'000; ++i) store_.fail_next({Disposition::retry, std::string(outcome_unknown), "cut"});
    EXPECT_THAT(words(submit({"a"})), ElementsAre(outcome_unknown));
}

TEST_F(IntakeTest, ARowInFlightAtItsDeadlineIsOfUnknownFateAndAWaitingOneIsNotStored) {
    start(with(milliseconds(30), 1));
    store_.close();
    auto running = submit({"a", "b"});
    EXPECT_THAT(words(std::move(running)), ElementsAre(outcome_unknown, "overloaded"));
    store_.open();
    EXPECT_THAT(words(submit({"c"})), ElementsAre("created"));
    EXPECT_THAT(store_.batches(), ElementsAre(Keys{"a"}, Keys{"c"}));
}

TEST_F(IntakeTest, TriesAgainAfterContention) {
    start();
    for (const char* code : {"40001", "40P01", "55P03", "40P01"}) store_.fail_next(transient(code));
    EXPECT_THAT(words(submit({"a"})), ElementsAre("created"));
    EXPECT_EQ(store_.batches().size(), 5u);
}

TEST_F(IntakeTest, ASessionLostLongAgoIsNoOutage) {
    start();
    store_.fail_next(transient("08006"));
    EXPECT_THAT(words(submit({"a"})), ElementsAre("created"));
    EXPECT_FALSE(batcher_->trouble().has_value());
}

TEST_F(IntakeTest, AnOutageIsAnsweredAtOnceUntilTheDatabaseIsBack) {
    start();
    store_.go_away();
    store_.fail_next(transient("08006"));
    store_.fail_next(transient("57P03"));
    store_.close();
    auto first = submit({"a"});
    store_.await_batches(1);
    auto waiting = submit({"b"});
    store_.open();
    EXPECT_THAT(words(std::move(first)), ElementsAre("database_unavailable"));
    EXPECT_THAT(words(std::move(waiting)), ElementsAre("database_unavailable"));
    EXPECT_TRUE(batcher_->trouble().has_value());
    EXPECT_THAT(words(submit({"c"})), ElementsAre("database_unavailable"));
    store_.await_pings(3);
    EXPECT_EQ(store_.batches().size(), 2u) << "nothing is sent during an outage but pings";
    store_.come_back();
    while (batcher_->trouble().has_value()) std::this_thread::yield();
    EXPECT_THAT(words(submit({"d"})), ElementsAre("created"));
    EXPECT_THAT(fatal_, IsEmpty());
}

TEST_F(IntakeTest, SaysOnceThatNothingCanSucceed) {
    start();
    store_.fail_next({Disposition::stop, "42P01", "no table"});
    EXPECT_THAT(words(submit({"a"})), ElementsAre("database_unavailable"));
    EXPECT_THAT(words(submit({"b"})), ElementsAre("database_unavailable"));
    batcher_->stop();
    EXPECT_THAT(fatal_, ElementsAre("42P01"));
}

TEST_F(IntakeTest, StopLetsTheBatchUnderWayEndAndAnswersTheRest) {
    start(with(kLong, 1));
    store_.close();
    auto running = submit({"a"});
    store_.await_batches(1);
    auto waiting = submit({"b"});
    auto stopped = std::async(std::launch::async, [this] { batcher_->stop(); });
    EXPECT_THAT(words(std::move(waiting)), ElementsAre("shutting_down"));
    store_.open();
    EXPECT_THAT(words(std::move(running)), ElementsAre("created"));
    stopped.get();
    EXPECT_THAT(words(submit({"c"})), ElementsAre("shutting_down"));
    batcher_->stop();
}

// Many threads at once: every request is answered, and each client's rows are in order.
TEST_F(IntakeTest, KeepsEachClientsOrder) {
    start(with(kLong, 7));
    constexpr int kClients = 8, kRows = 60;
    std::vector<std::future<void>> clients;
    for (int client = 0; client < kClients; ++client)
        clients.push_back(std::async(std::launch::async, [&, client] {
            std::vector<std::future<IntakeAnswers>> answers;
            for (int row = 0; row < kRows; ++row) answers.push_back(submit({std::to_string(client * kRows + row)}));
            std::int64_t last = 0;
            for (auto& answer : answers) {
                const std::int64_t seq = answer.get()[0]->seq;
                EXPECT_GT(seq, last);
                last = seq;
            }
        }));
    for (auto& client : clients) client.get();
}

}  // namespace
}  // namespace ledgerline::intake
