#include "publisher/dead_letter_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "support/memory_database.h"

namespace ledgerline {
namespace {

using test::MemoryDatabase;
using testing::ElementsAre;

// Takes every letter, but for those that the test refuses.
class FakeProducer final : public Producer {
public:
    Result<std::vector<bool>> publish(std::span<const Outgoing> messages, SteadyTime deadline) override {
        ++calls;
        last_deadline = deadline;
        if (before) before();
        if (error) return std::unexpected(*error);
        std::vector<bool> delivered;
        for (const Outgoing& outgoing : messages) {
            const Uuid id = *Uuid::parse(*outgoing.message.header("dlq-id"));
            delivered.push_back(!refused.contains(id));
            if (delivered.back()) taken.push_back(id);
            last = outgoing;
        }
        return delivered;
    }

    int calls = 0;
    std::optional<Error> error;
    std::function<void()> before;  // what happens while the broker is called
    std::set<Uuid> refused;
    std::vector<Uuid> taken;
    Outgoing last;
    SteadyTime last_deadline;
};

// Fails the way a database does that is away.
class FlakyStore final : public DeadLetterStore {
public:
    explicit FlakyStore(std::unique_ptr<DeadLetterStore> store) : store_(std::move(store)) {}

    Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                     std::size_t letters_max) override {
        if (error) return std::unexpected(*error);
        return store_->read_unannounced(owner, after, letters_max);
    }
    Result<void> mark_announced(std::span<const Uuid> ids) override {
        if (error) return std::unexpected(*error);
        return store_->mark_announced(ids);
    }
    Result<std::int64_t> count_unannounced() override { return store_->count_unannounced(); }

    std::optional<Error> error;

private:
    std::unique_ptr<DeadLetterStore> store_;
};

class DeadLetterFeedTest : public testing::Test {
protected:
    DeadLetterFeedTest() { EXPECT_TRUE(database_.make_outbox_store()->renew("me", milliseconds(60'000))); }

    Uuid bury(int partition = 0) {
        const ForeignMessage letter{
            ids_.next(), {"transactions", partition, ++offset_, {"key", "garbage", {}}}, "undecodable", "no JSON"};
        EXPECT_TRUE(ledger_->bury_foreign(std::vector{letter}));
        return letter.letter_id;
    }
    std::vector<Uuid> bury_many(std::size_t count) {
        std::vector<Uuid> letters;
        while (letters.size() < count) letters.push_back(bury());
        return letters;
    }

    milliseconds step() {
        const auto idle = feed_.step();
        EXPECT_TRUE(idle) << idle.error().message;
        return idle.value_or(milliseconds(0));
    }
    void run(int rounds) {
        for (int i = 0; i < rounds; ++i) clock_.advance(step() + milliseconds(1));
    }

    ManualClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    MemoryDatabase database_{clock_, 4};
    std::unique_ptr<LedgerStore> ledger_ = database_.make_ledger_store();
    FlakyStore store_{database_.make_dead_letter_store()};
    FakeProducer producer_;
    Metrics metrics_{"test"};
    DeadLetterFeed feed_{"me", store_, producer_, clock_, random_, metrics_};
    std::int64_t offset_ = 0;
};

TEST_F(DeadLetterFeedTest, AnnouncesEachLetterOnce) {
    const Uuid first = bury(), second = bury(2);
    run(5);
    EXPECT_THAT(producer_.taken, ElementsAre(first, second));
    EXPECT_EQ(producer_.last.partition, 2);
    EXPECT_EQ(producer_.last.message.value, "garbage");
    EXPECT_GT(producer_.last_deadline, SteadyTime{});
    EXPECT_EQ(metrics_.dlq_announced_total.Value(), 2);
    const Uuid third = bury();
    run(5);
    EXPECT_THAT(producer_.taken, ElementsAre(first, second, third));
}

TEST_F(DeadLetterFeedTest, AnnouncesManyLettersRoundByRoundWithoutSleep) {
    const auto letters = bury_many(2 * DeadLetterFeed::letters_per_round_max + 1);
    EXPECT_EQ(step(), milliseconds(0));
    EXPECT_EQ(step(), milliseconds(0));
    EXPECT_GT(step(), milliseconds(0));
    EXPECT_EQ(producer_.taken, letters);
}

TEST_F(DeadLetterFeedTest, ADecidedLetterIsAnnouncedToo) {
    const Uuid letter = bury();
    database_.tables.letters.front().parked = false;
    run(2);
    EXPECT_THAT(producer_.taken, ElementsAre(letter));
}

TEST_F(DeadLetterFeedTest, LeavesLettersOfOtherOwnersAlone) {
    bury(3);
    database_.tables.lanes.at(3).owner = "somebody else";
    run(5);
    EXPECT_TRUE(producer_.taken.empty());
    step();
    EXPECT_EQ(metrics_.dead_letters_unannounced.Value(), 1) << "the gauge counts all lanes";
}

TEST_F(DeadLetterFeedTest, SleepsLongerWhileThereIsNothingToDo) {
    milliseconds idle{0};
    for (int i = 0; i < 12; ++i) idle = step();
    EXPECT_EQ(idle, DeadLetterFeed::idle_max);
    bury();
    EXPECT_EQ(step(), DeadLetterFeed::idle_min);
}

TEST_F(DeadLetterFeedTest, WaitsForABusThatIsAway) {
    const Uuid letter = bury();
    producer_.error = Error{Disposition::retry, "broker_down", "broker away"};
    run(50);
    EXPECT_GT(producer_.calls, 5);
    EXPECT_EQ(metrics_.dead_letters_unannounced.Value(), 1);
    producer_.error.reset();
    run(5);
    EXPECT_THAT(producer_.taken, ElementsAre(letter));
    clock_.advance(DeadLetterFeed::measure_interval);
    run(1);
    EXPECT_EQ(metrics_.dead_letters_unannounced.Value(), 0);
}

TEST_F(DeadLetterFeedTest, ABusThatOnlySomebodyCanMendEndsIt) {
    bury();
    producer_.error = Error{Disposition::stop, "bad_credentials", "no such user"};
    const auto idle = feed_.step();
    ASSERT_FALSE(idle);
    EXPECT_EQ(idle.error().code, "bad_credentials");
}

TEST_F(DeadLetterFeedTest, LettersThatTheBusRefusesHoldUpNoOther) {
    const auto letters = bury_many(3 * DeadLetterFeed::letters_per_round_max);
    // A whole round and more.
    producer_.refused.insert(letters.begin(), letters.begin() + DeadLetterFeed::letters_per_round_max + 1);
    run(20);
    ASSERT_EQ(producer_.taken.size(), 2 * DeadLetterFeed::letters_per_round_max - 1);
    const Uuid late = bury();
    run(20);
    EXPECT_EQ(producer_.taken.back(), late);
    producer_.refused.clear();
    run(20);
    EXPECT_EQ(std::set(producer_.taken.begin(), producer_.taken.end()).size(), letters.size() + 1);
    EXPECT_EQ(producer_.taken.size(), letters.size() + 1) << "none came twice";
}

TEST_F(DeadLetterFeedTest, ALetterWhoseMarkWasLostIsSentAgain) {
    const Uuid letter = bury();
    producer_.before = [&] { store_.error = Error{Disposition::retry, "08006", "connection lost"}; };
    run(3);
    producer_.before = nullptr;
    store_.error.reset();
    run(20);
    EXPECT_THAT(producer_.taken, ElementsAre(letter, letter));
    EXPECT_EQ(metrics_.dlq_announced_total.Value(), 1);
}

TEST_F(DeadLetterFeedTest, ADatabaseThatOnlySomebodyCanMendEndsIt) {
    store_.error = Error{Disposition::stop, "42P01", "no such table"};
    EXPECT_FALSE(feed_.step());
}

}  // namespace
}  // namespace ledgerline
