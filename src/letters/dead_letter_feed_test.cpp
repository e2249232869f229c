#include "letters/dead_letter_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "lab/memory_database.h"

namespace ledgerline::letters {
namespace {

using test::MemoryDatabase;
using testing::ElementsAre;

// Accepts every letter, except those that the test marks.
class FakeProducer final : public bus::Producer {
public:
    explicit FakeProducer(ManualClock& clock) : clock_(clock) {}

    std::uint64_t send(std::span<const bus::Outgoing> messages) override {
        ++calls;
        if (before) before();
        const std::uint64_t first = next_number_;
        for (const bus::Outgoing& outgoing : messages) {
            const Uuid id = *Uuid::parse(*outgoing.message.header("dlq-id"));
            bus::Report report{next_number_++, bus::Fate::delivered, ""};
            if (down || failing.contains(id)) report = {report.number, bus::Fate::failed, "broker away"};
            if (wire_bytes_max(outgoing.message) > takes_bytes || refused.contains(id))
                report = {report.number, bus::Fate::refused, "too large"};
            if (report.fate == bus::Fate::delivered) taken.push_back(id);
            last = outgoing;
            (held.contains(id) ? held_back_ : reports_).push_back(report);
        }
        return first;
    }
    std::vector<bus::Report> collect(SteadyTime deadline) override {
        if (reports_.empty() && deadline > clock_.steady_now())
            clock_.advance(std::chrono::ceil<milliseconds>(deadline - clock_.steady_now()));
        return std::exchange(reports_, {});
    }
    std::string obstacle(int) const override { return {}; }
    std::size_t message_bytes_max() const override { return known_bytes_max; }

    // The reports that were held back arrive after all.
    void let_go() {
        held.clear();
        std::ranges::move(std::exchange(held_back_, {}), std::back_inserter(reports_));
    }

    int calls = 0;
    bool down = false;
    std::function<void()> before;  // runs while the broker is called
    std::set<Uuid> failing, refused, held;
    std::size_t takes_bytes = 1'000'000, known_bytes_max = 1'000'000;
    std::vector<Uuid> taken;
    bus::Outgoing last;

private:
    ManualClock& clock_;
    std::uint64_t next_number_ = 0;
    std::vector<bus::Report> reports_, held_back_;
};

// Fails like a database that is away.
class FlakyStore final : public DeadLetterStore {
public:
    explicit FlakyStore(std::unique_ptr<DeadLetterStore> store) : store_(std::move(store)) {}

    Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                     std::size_t letters_max, std::size_t bytes_max) override {
        if (error) return std::unexpected(*error);
        return store_->read_unannounced(owner, after, letters_max, bytes_max);
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

    Uuid park(int partition = 0, const std::string& value = "garbage") {
        const apply::ForeignMessage letter{
            ids_.next(), {"transactions", partition, ++offset_, {"key", value, {}}}, "undecodable", "no JSON"};
        EXPECT_TRUE(ledger_->park_foreign(std::vector{letter}));
        return letter.letter_id;
    }
    std::vector<Uuid> park_many(std::size_t count) {
        std::vector<Uuid> letters;
        while (letters.size() < count) letters.push_back(park());
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
    std::unique_ptr<apply::LedgerStore> ledger_ = database_.make_ledger_store();
    FlakyStore store_{database_.make_dead_letter_store()};
    FakeProducer producer_{clock_};
    Metrics metrics_{"test"};
    DeadLetterFeed feed_{"me", store_, producer_, {clock_, random_, ids_, metrics_}};
    std::int64_t offset_ = 0;
};

TEST_F(DeadLetterFeedTest, AnnouncesEachLetterOnce) {
    const Uuid first = park(), second = park(2);
    run(5);
    EXPECT_THAT(producer_.taken, ElementsAre(first, second));
    EXPECT_EQ(producer_.last.partition, 2);
    EXPECT_EQ(producer_.last.message.value, "garbage");
    EXPECT_EQ(metrics_.dlq_announced_total.Value(), 2);
    const Uuid third = park();
    run(5);
    EXPECT_THAT(producer_.taken, ElementsAre(first, second, third));
}

TEST_F(DeadLetterFeedTest, AnnouncesManyLettersRoundByRoundWithoutSleep) {
    const auto letters = park_many(2 * DeadLetterFeed::letters_per_round_max + 1);
    EXPECT_EQ(step(), milliseconds(0));
    EXPECT_EQ(step(), milliseconds(0));
    EXPECT_GT(step(), milliseconds(0));
    EXPECT_EQ(producer_.taken, letters);
}

TEST_F(DeadLetterFeedTest, ADecidedLetterIsAnnouncedToo) {
    const Uuid letter = park();
    database_.tables.letters.front().parked = false;
    run(2);
    EXPECT_THAT(producer_.taken, ElementsAre(letter));
}

TEST_F(DeadLetterFeedTest, LeavesLettersOfOtherOwnersAlone) {
    park(3);
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
    park();
    EXPECT_EQ(step(), DeadLetterFeed::idle_min);
}

TEST_F(DeadLetterFeedTest, WaitsForABusThatIsAway) {
    const Uuid letter = park();
    producer_.down = true;
    run(50);
    EXPECT_GT(producer_.calls, 5);
    EXPECT_EQ(metrics_.dead_letters_unannounced.Value(), 1);
    producer_.down = false;
    run(5);
    EXPECT_THAT(producer_.taken, ElementsAre(letter));
    clock_.advance(DeadLetterFeed::measure_interval);
    run(1);
    EXPECT_EQ(metrics_.dead_letters_unannounced.Value(), 0);
}

TEST_F(DeadLetterFeedTest, LettersThatTheBusDoesNotTakeHoldUpNoOther) {
    const auto letters = park_many(3 * DeadLetterFeed::letters_per_round_max);
    // More than one whole round.
    producer_.failing.insert(letters.begin(), letters.begin() + DeadLetterFeed::letters_per_round_max + 1);
    run(20);
    ASSERT_EQ(producer_.taken.size(), 2 * DeadLetterFeed::letters_per_round_max - 1);
    const Uuid late = park();
    run(20);
    EXPECT_EQ(producer_.taken.back(), late);
    producer_.failing.clear();
    run(20);
    EXPECT_EQ(std::set(producer_.taken.begin(), producer_.taken.end()).size(), letters.size() + 1);
    EXPECT_EQ(producer_.taken.size(), letters.size() + 1) << "none came twice";
}

TEST_F(DeadLetterFeedTest, ALetterWhoseMarkWasLostIsMarkedLaterAndNotSentAgain) {
    const Uuid letter = park();
    producer_.before = [&] { store_.error = Error{Disposition::retry, "08006", "connection lost"}; };
    run(3);
    producer_.before = nullptr;
    store_.error.reset();
    run(20);
    EXPECT_THAT(producer_.taken, ElementsAre(letter));
    EXPECT_EQ(metrics_.dlq_announced_total.Value(), 1);
}

TEST_F(DeadLetterFeedTest, ALetterThatIsAcknowledgedLateIsNotSentAgainAndHoldsUpNoOther) {
    const Uuid slow = park(), quick = park();
    producer_.held = {slow};
    run(20);
    EXPECT_THAT(producer_.taken, ElementsAre(slow, quick));
    EXPECT_EQ(metrics_.dlq_announced_total.Value(), 1);
    producer_.let_go();
    run(5);
    EXPECT_EQ(producer_.taken.size(), 2u);
    EXPECT_EQ(metrics_.dlq_announced_total.Value(), 2);
}

TEST_F(DeadLetterFeedTest, CutsALetterToWhatTheBusTakes) {
    const Uuid letter = park(0, std::string(300'000, 'v'));
    producer_.known_bytes_max = producer_.takes_bytes = 20'000;
    step();
    EXPECT_THAT(producer_.taken, ElementsAre(letter));
    EXPECT_EQ(producer_.calls, 1);
    EXPECT_EQ(*producer_.last.message.header("dlq-truncated"), "value");
}

TEST_F(DeadLetterFeedTest, CutsALetterUntilItFitsWhenNobodyKnowsWhatTheBusTakes) {
    const Uuid large = park(0, std::string(600'000, 'v')), small = park();
    producer_.takes_bytes = 20'000;
    run(2);
    EXPECT_THAT(producer_.taken, ElementsAre(small)) << "it holds up no other";
    run(20);
    EXPECT_THAT(producer_.taken, ElementsAre(small, large));
    EXPECT_GT(wire_bytes_max(producer_.last.message), 10'000u);
}

TEST_F(DeadLetterFeedTest, ALetterThatIsRefusedHoweverSmallIsTriedNowAndThenAndHoldsUpNoOther) {
    const Uuid hopeless = park();
    producer_.refused = {hopeless};
    run(30);
    const int calls = producer_.calls;
    std::vector<Uuid> others;
    const SteadyTime begun = clock_.steady_now();
    for (int i = 0; i < 20; ++i) {
        others.push_back(park());
        run(1);
    }
    EXPECT_EQ(producer_.taken, others);
    EXPECT_LT(clock_.steady_now() - begun, milliseconds(2000)) << "no round pauses for it";
    EXPECT_EQ(producer_.calls, calls + 20);
    producer_.refused.clear();
    clock_.advance(DeadLetterFeed::refused_retry_interval);
    run(3);
    EXPECT_EQ(producer_.taken.back(), hopeless);
}

TEST_F(DeadLetterFeedTest, ARoundIsBoundedInBytesAndTheNextOneGoesOn) {
    const std::string value(600'000, 'v');
    std::vector<Uuid> letters;
    while (letters.size() < 12) letters.push_back(park(0, value));
    EXPECT_EQ(step(), milliseconds(0)) << "there is more";
    EXPECT_EQ(producer_.taken.size(), DeadLetterFeed::bytes_per_round_max / value.size() + 1);
    run(2);
    EXPECT_EQ(producer_.taken, letters);
}

TEST_F(DeadLetterFeedTest, ADatabaseThatOnlySomebodyCanMendEndsIt) {
    store_.error = Error{Disposition::stop, "42P01", "no such table"};
    EXPECT_FALSE(feed_.step());
}

}  // namespace
}  // namespace ledgerline::letters
