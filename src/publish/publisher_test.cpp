#include "publish/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "lab/memory_database.h"

namespace ledgerline::publish {
namespace {

using test::MemoryDatabase;

// Accepts every message, except those that the test marks.
class FakeProducer final : public bus::Producer {
public:
    explicit FakeProducer(ManualClock& clock) : clock_(clock) {}

    std::uint64_t send(std::span<const bus::Outgoing> messages) override {
        ++calls;
        if (before) before();
        const std::uint64_t first = next_number_;
        for (const bus::Outgoing& outgoing : messages) {
            const std::int64_t seq = std::stoll(*outgoing.message.header("seq"));
            const auto answer = answers.find({outgoing.partition, seq});
            const bus::Fate fate = down                      ? bus::Fate::failed
                                   : answer == answers.end() ? bus::Fate::delivered
                                                             : answer->second;
            if (fate == bus::Fate::delivered) taken[outgoing.partition].push_back(seq);
            sent[outgoing.partition].push_back(seq);
            bus::Report report{next_number_++, fate, fate == bus::Fate::delivered ? "" : "broker away"};
            (held.contains(outgoing.partition) ? held_back_ : reports_).push_back(std::move(report));
            last = outgoing.message;
        }
        return first;
    }
    std::vector<bus::Report> collect(SteadyTime deadline) override {
        if (reports_.empty() && deadline > clock_.steady_now())
            clock_.advance(std::chrono::ceil<milliseconds>(deadline - clock_.steady_now()));
        return std::exchange(reports_, {});
    }
    std::string obstacle(int) const override { return held.empty() ? "" : "no leader"; }
    std::size_t message_bytes_max() const override { return 1'000'000; }

    // The reports that were held back arrive after all.
    void let_go() {
        held.clear();
        std::ranges::move(std::exchange(held_back_, {}), std::back_inserter(reports_));
    }

    int calls = 0;
    bool down = false;
    std::function<void()> before;                               // runs while the broker is called
    std::map<std::pair<int, std::int64_t>, bus::Fate> answers;  // by lane and seq
    std::set<int> held;                                         // lanes whose reports are held back
    std::map<int, std::vector<std::int64_t>> taken, sent;       // by lane
    Message last;

private:
    ManualClock& clock_;
    std::uint64_t next_number_ = 0;
    std::vector<bus::Report> reports_, held_back_;
};

// Fails like a database that is away.
class FlakyStore final : public OutboxStore {
public:
    explicit FlakyStore(std::unique_ptr<OutboxStore> store) : store_(std::move(store)) {}

    Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) override {
        if (error) return fail();
        return store_->renew(owner, term);
    }
    Result<void> expire_others(const std::string& owner) override { return store_->expire_others(owner); }
    Result<void> release(const std::string& owner) override { return store_->release(owner); }
    Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) override {
        ++reads;
        if (error) return fail();
        return store_->read(leases, events_max);
    }
    Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) override {
        ++advance_calls;
        advanced_for = TraceScope::current() ? TraceScope::current()->trace_id : TraceId();
        auto moved = store_->advance(owner, advances);
        if (error) return fail();
        return moved;
    }
    Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& text) override {
        return store_->record_failure(lease, owner, text);
    }
    Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) override {
        return store_->halt(lease, owner, halt);
    }
    Result<void> clear_halts(std::span<const int> lanes) override { return store_->clear_halts(lanes); }
    Result<Backlog> backlog() override { return store_->backlog(); }

    std::optional<Error> error;
    int asked_in_vain = 0;
    int reads = 0;
    int advance_calls = 0;
    TraceId advanced_for;

private:
    std::unexpected<Error> fail() {
        ++asked_in_vain;
        return std::unexpected(*error);
    }

    std::unique_ptr<OutboxStore> store_;
};

class PublisherTest : public testing::Test {
protected:
    // Accepts the seqs as credits in a lane.
    void accept(int lane, std::initializer_list<std::int64_t> seqs) {
        for (const std::int64_t seq : seqs) {
            Event event;
            event.event_id = ids_.next();
            event.lane = lane;
            event.seq = seq;
            event.transaction_id = ids_.next();
            event.amount_cents = 1;
            event.currency = "EUR";
            event.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            event.idempotency_key = event.event_id.to_string();
            database_.insert(event);
        }
    }

    milliseconds step() {
        const auto idle = publisher_.step();
        EXPECT_TRUE(idle) << idle.error().message;
        return idle.value_or(milliseconds(0));
    }
    void run(int rounds) {
        for (int i = 0; i < rounds; ++i) clock_.advance(step() + milliseconds(1));
    }
    // The session is lost, and the next one is to a server that has less.
    void take_over(const test::MemoryTables& standby) {
        store_.error = {Disposition::retry, "57P01", "the server ends"};
        while (store_.asked_in_vain == 0) clock_.advance(step() + milliseconds(1));
        store_.error.reset();
        database_.tables = standby;
    }
    test::MemoryTables::Lane& lane(int number) { return database_.tables.lanes.at(number); }

    ManualClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    MemoryDatabase database_{clock_, 4};
    FlakyStore store_{database_.make_outbox_store()};
    FakeProducer producer_{clock_};
    Metrics metrics_{"test"};
    ProcessContext context_{clock_, random_, ids_, metrics_};
    Publisher publisher_{{"me"}, store_, producer_, context_};
};

using testing::ElementsAre;

TEST_F(PublisherTest, PublishesEveryLaneInOrderAndMovesTheCursorsInOneCall) {
    accept(0, {1, 2, 3});
    accept(2, {1});
    step();
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 2, 3));
    EXPECT_THAT(producer_.taken[2], ElementsAre(1));
    EXPECT_EQ(lane(0).published_seq, 3);
    EXPECT_EQ(lane(2).published_seq, 1);
    EXPECT_EQ(producer_.calls, 1);
    EXPECT_EQ(store_.advance_calls, 1);
    EXPECT_EQ(metrics_.events_published_total.Value(), 4);
    EXPECT_EQ(metrics_.publisher_lanes_owned.Value(), 4);
}

TEST_F(PublisherTest, TheTraceTravelsWithTheEvent) {
    accept(0, {1});
    step();
    ASSERT_NE(producer_.last.header("traceparent"), nullptr);
    EXPECT_EQ(*producer_.last.header("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}

TEST_F(PublisherTest, TheCursorMovesInTheTraceOfItsEventHoweverLateThatIsAcknowledged) {
    struct Nowhere final : SpanSink {
        void take(std::unique_ptr<SpanData>) override {}
    } nowhere;
    Tracer tracer{Sampler{}, nowhere, clock_, random_};
    Publisher traced{{"me"}, store_, producer_, {clock_, random_, ids_, metrics_, tracer}};
    accept(0, {1});
    ASSERT_TRUE(traced.step());
    EXPECT_EQ(store_.advanced_for, "0af7651916cd43dd8448eb211c80319c");
    store_.advanced_for = {};
    producer_.held = {0};
    accept(0, {2});
    ASSERT_TRUE(traced.step());
    producer_.let_go();
    clock_.advance(Publisher::hint_interval);
    ASSERT_TRUE(traced.step());
    EXPECT_EQ(lane(0).published_seq, 2);
    EXPECT_EQ(store_.advanced_for, "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(PublisherTest, SleepsLongerTheLongerNothingComes) {
    const auto longest = [this] {
        milliseconds idle{0};
        for (int i = 0; i < 12; ++i) idle = std::max(idle, step());
        return idle;
    };
    accept(0, {1});
    EXPECT_EQ(step(), Publisher::idle_min);
    EXPECT_EQ(longest(), Publisher::lively_idle_max);
    clock_.advance(Publisher::lively_for);
    EXPECT_EQ(longest(), Publisher::idle_max);
    accept(0, {2});
    EXPECT_EQ(step(), Publisher::idle_min);
}

TEST_F(PublisherTest, MovesOnlyToTheHighestSeqAcknowledgedWithoutAGap) {
    accept(0, {1, 2, 3, 4});
    producer_.answers[{0, 3}] = bus::Fate::failed;
    step();
    EXPECT_EQ(lane(0).published_seq, 2);
    EXPECT_EQ(metrics_.publish_errors_total.Value(), 1);
    producer_.answers.clear();
    clock_.advance(Publisher::hint_interval);
    step();
    EXPECT_EQ(lane(0).published_seq, 4);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 2, 4, 3, 4));
}

TEST_F(PublisherTest, ALaneThatTheBusRefusesPausesAloneAndSaysSo) {
    accept(0, {1});
    accept(1, {1});
    producer_.answers[{0, 1}] = bus::Fate::failed;
    step();
    EXPECT_EQ(lane(0).published_seq, 0);
    EXPECT_EQ(lane(1).published_seq, 1);
    EXPECT_GE(lane(0).publish_attempts, 1);
    EXPECT_NE(lane(0).last_error, "");
    accept(1, {2});
    run(20);
    EXPECT_EQ(lane(1).published_seq, 2);
    producer_.answers.clear();
    run(50);
    EXPECT_EQ(lane(0).published_seq, 1);
    EXPECT_EQ(lane(0).last_error, "");
}

TEST_F(PublisherTest, AHoleStopsItsLaneUntilItIsMendedAndNoOther) {
    accept(0, {1, 2, 4, 5});
    accept(1, {1});
    run(20);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 2));
    EXPECT_EQ(lane(0).published_seq, 2);
    EXPECT_EQ(lane(1).published_seq, 1);
    EXPECT_THAT(lane(0).last_error, testing::HasSubstr("event 3 is missing"));
    EXPECT_GE(metrics_.publish_errors_total.Value(), 1);
    EXPECT_EQ(metrics_.publisher_lanes_with_hole.Value(), 1);
    ASSERT_TRUE(lane(0).publish_halt);
    EXPECT_EQ(lane(0).publish_halt->code, "lane_hole");
    accept(0, {3});
    run(50);
    EXPECT_EQ(metrics_.publisher_lanes_with_hole.Value(), 0);
    EXPECT_FALSE(lane(0).publish_halt);
    EXPECT_EQ(lane(0).published_seq, 5);
}

TEST_F(PublisherTest, ABusThatIsAwayIsWaitedFor) {
    accept(0, {1});
    producer_.down = true;
    run(100);
    const int calls = producer_.calls;
    EXPECT_LT(calls, 80) << "it backs off";
    EXPECT_THAT(lane(0).last_error, testing::HasSubstr("broker away"));
    producer_.down = false;
    run(100);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1));
    EXPECT_EQ(lane(0).published_seq, 1);
}

TEST_F(PublisherTest, ADatabaseThatIsAwayIsWaitedForAndNotAskedMeanwhile) {
    step();
    accept(0, {1});
    store_.error = {Disposition::retry, "08006", "connection lost"};
    run(100);
    store_.error.reset();
    run(100);
    EXPECT_EQ(lane(0).published_seq, 1);

    store_.error = {Disposition::retry, "08006", "connection lost"};
    milliseconds pause{0};
    while (pause == milliseconds(0)) pause = step();
    const int reads = store_.reads;
    EXPECT_EQ(step(), pause) << "a wakeup does not shorten the pause";
    EXPECT_EQ(store_.reads, reads);
}

TEST_F(PublisherTest, WhenItIsNotKnownWhetherTheCursorMovedItIsReadAgain) {
    accept(0, {1, 2});
    producer_.before = [this] { store_.error = {Disposition::retry, "08006", "cut off after the commit"}; };
    step();
    producer_.before = nullptr;
    store_.error.reset();
    ASSERT_EQ(lane(0).published_seq, 2);
    accept(0, {3});
    run(50);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 2, 3));
}

TEST_F(PublisherTest, ARewindWhileTheBusIsCalledVoidsItsAcknowledgements) {
    accept(0, {1, 2, 3});
    step();
    accept(0, {4});
    lane(0).applied_seq = 1;
    producer_.before = [this] { EXPECT_TRUE(*database_.make_ledger_store()->rewind(0, 1)); };
    step();
    producer_.before = nullptr;
    EXPECT_EQ(lane(0).published_seq, 1);
    run(50);
    EXPECT_EQ(lane(0).published_seq, 4);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 2, 3, 4, 2, 3, 4));
}

TEST_F(PublisherTest, ALaneLostWhileTheBusIsCalledIsLeftAlone) {
    accept(0, {1});
    step();
    accept(0, {2});
    producer_.before = [this] {
        clock_.advance(Publisher::lease_term + milliseconds(1));
        ASSERT_EQ(database_.make_outbox_store()->renew("other", Publisher::lease_term)->size(), 4u);
    };
    step();
    producer_.before = nullptr;
    EXPECT_EQ(lane(0).published_seq, 1);
    EXPECT_EQ(lane(0).owner, "other");
    const int calls = producer_.calls;
    accept(0, {3});
    step();
    EXPECT_EQ(producer_.calls, calls);
}

TEST_F(PublisherTest, WhatAServerGivesAgainThatLostItsNewestCommitsIsPublished) {
    accept(0, {1, 2, 3});
    step();
    const test::MemoryTables standby = database_.tables;
    accept(0, {4, 5});
    step();
    ASSERT_THAT(producer_.taken[0], ElementsAre(1, 2, 3, 4, 5));
    take_over(standby);
    accept(0, {4, 5, 6});
    run(50);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 2, 3, 4, 5, 4, 5, 6));
    EXPECT_EQ(lane(0).published_seq, 6);
}

TEST_F(PublisherTest, NoCursorPassesTheEndOfALaneThatLostItsNewestCommits) {
    accept(0, {1});
    step();
    const test::MemoryTables standby = database_.tables;
    accept(0, {2, 3});
    step();
    take_over(standby);
    run(50);
    EXPECT_EQ(lane(0).published_seq, 1);
}

TEST_F(PublisherTest, WhatWasUnderWayBeforeALostSessionMovesNoCursor) {
    accept(0, {1});
    step();
    const test::MemoryTables standby = database_.tables;
    producer_.held = {0};
    accept(0, {2, 3});
    step();
    take_over(standby);
    accept(0, {2, 3});
    run(5);
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2, 3)) << "the lane waits for the reports";
    producer_.let_go();
    run(50);
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2, 3, 2, 3));
    EXPECT_EQ(lane(0).published_seq, 3);
}

TEST_F(PublisherTest, ALaneThatWentToAnotherAndCameBackContinuesFromTheOthersCursor) {
    accept(0, {1});
    step();
    accept(0, {2, 3, 4, 5});
    clock_.advance(Publisher::lease_term + milliseconds(1));
    const auto other = database_.make_outbox_store();
    const auto leases = other->renew("other", Publisher::lease_term);
    ASSERT_EQ(leases->front().lane, 0);
    const Advance moved{0, leases->front().epoch, 1, 4};
    ASSERT_TRUE(other->advance("other", std::span(&moved, 1))->front());
    store_.error = {Disposition::retry, "08006", "connection lost"};
    step();
    store_.error.reset();
    ASSERT_TRUE(other->release("other"));
    run(50);
    EXPECT_THAT(producer_.taken[0], ElementsAre(1, 5));
    EXPECT_EQ(lane(0).published_seq, 5);
}

TEST_F(PublisherTest, RenewsItsLeasesBeforeTheyExpire) {
    step();
    for (int i = 0; i < 100; ++i) {
        clock_.advance(std::max(step(), milliseconds(10)));
        ASSERT_GT(lane(0).lease_expires_at, clock_.wall_now() + Publisher::renew_interval);
    }
}

TEST_F(PublisherTest, PublishesNothingOnceItsLeasesMayHaveRunOut) {
    step();
    accept(0, {1});
    clock_.advance(Publisher::lease_term);
    store_.error = {Disposition::retry, "57014", "timed out"};
    step();
    EXPECT_EQ(producer_.calls, 0);
}

TEST_F(PublisherTest, ReleaseLetsOthersTakeTheLanesAtOnce) {
    step();
    publisher_.release();
    publisher_.release();
    EXPECT_EQ(database_.make_outbox_store()->renew("other", Publisher::lease_term)->size(), 4u);
    EXPECT_EQ(metrics_.publisher_lanes_owned.Value(), 0);
}

TEST_F(PublisherTest, TakesTheLanesOfTheDeadOverAtOnce) {
    ASSERT_EQ(database_.make_outbox_store()->renew("dead", Publisher::lease_term)->size(), 4u);
    accept(0, {1});
    step();
    EXPECT_TRUE(producer_.taken.empty()) << "it may be alive";
    Publisher heir({"heir", true}, store_, producer_, context_);
    ASSERT_TRUE(heir.step());
    EXPECT_THAT(producer_.taken[0], ElementsAre(1));
}

TEST_F(PublisherTest, EndsOnlyWhenNothingCanSucceed) {
    store_.error = {Disposition::stop, "42P01", "relation lane_publish does not exist"};
    const auto idle = publisher_.step();
    ASSERT_FALSE(idle);
    EXPECT_EQ(idle.error().code, "42P01");
}

TEST_F(PublisherTest, TakesABoundedNumberOfEventsARound) {
    for (std::int64_t seq = 1; seq <= 1200; ++seq) accept(0, {seq});
    EXPECT_EQ(step(), milliseconds(0)) << "there is more";
    EXPECT_EQ(producer_.taken[0].size(), Publisher::events_per_lane_max);
    run(20);
    EXPECT_EQ(lane(0).published_seq, 1200);
}

// The bus has accepted them, and reports it much later than a round waits.
TEST_F(PublisherTest, LateAcknowledgementsCountAndNothingIsSentTwice) {
    accept(0, {1, 2, 3});
    producer_.held = {0};
    for (int i = 0; i < 100; ++i) clock_.advance(std::max(step(), milliseconds(50)));
    EXPECT_EQ(lane(0).published_seq, 0);
    EXPECT_EQ(lane(0).owner, "me") << "leases are renewed meanwhile";
    EXPECT_EQ(lane(0).publish_attempts, 1) << "said once in 30 s";
    EXPECT_THAT(lane(0).last_error, testing::HasSubstr("event 1 is not acknowledged yet: no leader"));
    producer_.let_go();
    run(2);
    EXPECT_EQ(lane(0).published_seq, 3);
    EXPECT_EQ(lane(0).last_error, "");
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2, 3));
}

TEST_F(PublisherTest, ALaneThatIsNotAcknowledgedHoldsUpNoOther) {
    accept(0, {1});
    producer_.held = {0};
    run(3);
    const SteadyTime begun = clock_.steady_now();
    for (std::int64_t seq = 1; seq <= 100; ++seq) {
        accept(1, {seq});
        step();
        ASSERT_EQ(metrics_.events_published_total.Value(), static_cast<double>(seq));
    }
    EXPECT_EQ(clock_.steady_now(), begun) << "no round waits for it";
}

TEST_F(PublisherTest, WhatALaneHasUnderWayCountsForNothingOnceItWasRewound) {
    accept(0, {1, 2});
    step();
    accept(0, {3});
    producer_.held = {0};
    run(2);
    ASSERT_TRUE(*database_.make_ledger_store()->rewind(0, 0));
    clock_.advance(Publisher::renew_interval);
    run(3);
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2, 3)) << "not before what is under way is reported";
    producer_.let_go();
    run(20);
    EXPECT_EQ(lane(0).published_seq, 3);
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2, 3, 1, 2, 3));
}

TEST_F(PublisherTest, SendsFewerAtOnceWhileAcknowledgementsAreSlowAndMoreAgainThen) {
    for (std::int64_t seq = 1; seq <= 3000; ++seq) accept(0, {seq});
    std::vector<std::size_t> windows;
    for (int i = 0; i < 12; ++i) {
        const std::size_t before = producer_.sent[0].size();
        clock_.advance(Publisher::slow_acknowledgement * 2);
        producer_.let_go();
        producer_.held = {0};
        step();
        windows.push_back(producer_.sent[0].size() - before);
    }
    producer_.let_go();
    EXPECT_EQ(windows.front(), Publisher::events_per_lane_max);
    EXPECT_EQ(windows.back(), 1u);
    run(40);
    EXPECT_EQ(lane(0).published_seq, 3000);
    EXPECT_LT(producer_.calls, 12 + 30) << "the windows grew";
}

TEST_F(PublisherTest, AnEventThatTheBusRefusesThreeTimesHaltsItsLaneAndNoOther) {
    accept(0, {1, 2, 3});
    producer_.answers[{0, 2}] = bus::Fate::refused;
    run(1);
    EXPECT_EQ(lane(0).published_seq, 1);
    run(20);
    EXPECT_EQ(metrics_.publisher_lanes_halted.Value(), 1);
    EXPECT_EQ(std::ranges::count(producer_.sent[0], 2), 1 + Publisher::refusals_max) << "once in company, then alone";
    EXPECT_THAT(lane(0).last_error, testing::HasSubstr("the bus refuses event 2"));
    ASSERT_TRUE(lane(0).publish_halt);
    EXPECT_EQ(lane(0).publish_halt->seq, 2);
    EXPECT_EQ(lane(0).publish_halt->code, "refused");
    accept(1, {1});
    run(2);
    EXPECT_EQ(lane(1).published_seq, 1);

    clock_.advance(Publisher::halted_retry_interval);
    run(2);
    EXPECT_EQ(metrics_.publisher_lanes_halted.Value(), 1);
    EXPECT_EQ(std::ranges::count(producer_.sent[0], 2), 2 + Publisher::refusals_max) << "tried now and then";
    producer_.answers.clear();
    clock_.advance(Publisher::halted_retry_interval);
    run(20);
    EXPECT_EQ(lane(0).published_seq, 3);
    EXPECT_EQ(metrics_.publisher_lanes_halted.Value(), 0);
    EXPECT_FALSE(lane(0).publish_halt);
}

// The publisher that recorded the halt is gone.
TEST_F(PublisherTest, ClearsAHaltOfThePublisherBefore) {
    accept(0, {1, 2});
    lane(0).publish_halt = LaneHalt{2, "refused", "too large"};
    step();
    EXPECT_EQ(lane(0).published_seq, 2);
    EXPECT_FALSE(lane(0).publish_halt);
}

TEST_F(PublisherTest, AFullPartitionIsTriedAgainSoonerThanOneThatFails) {
    accept(0, {1});
    producer_.answers[{0, 1}] = bus::Fate::full;
    for (int i = 0; i < 30; ++i) {
        const int calls = producer_.calls;
        const SteadyTime begun = clock_.steady_now();
        while (producer_.calls == calls) run(1);
        ASSERT_LE(clock_.steady_now() - begun, Publisher::full_retry_max + Publisher::idle_max);
    }
}

TEST_F(PublisherTest, ReleaseWaitsForWhatIsUnderWayButNotForLong) {
    accept(0, {1});
    accept(1, {1});
    producer_.held = {0};
    step();
    producer_.let_go();
    producer_.held = {1};
    accept(1, {2});
    publisher_.release();
    EXPECT_EQ(lane(0).published_seq, 1);
    EXPECT_EQ(database_.make_outbox_store()->renew("other", Publisher::lease_term)->size(), 4u);
}

TEST_F(PublisherTest, WhatALaneHasUnderWayIsBoundedInBytesButAlwaysOneEvent) {
    accept(0, {1, 2, 3, 4});
    for (const std::int64_t seq : {1, 2}) lane(0).events.at(seq).metadata.emplace(Publisher::window_bytes_max / 2, 'x');
    lane(0).events.at(3).metadata.emplace(Publisher::window_bytes_max * 2, 'x');
    producer_.held = {0};
    step();
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2));
    producer_.let_go();
    producer_.held = {0};
    step();
    EXPECT_THAT(producer_.sent[0], ElementsAre(1, 2, 3));
    producer_.let_go();
    run(20);
    EXPECT_EQ(lane(0).published_seq, 4);
}

TEST_F(PublisherTest, WritesItsCursorsOnceASecondWhileEventsComeAndAtOnceWhenTheyStop) {
    accept(0, {1});
    step();
    const int first = store_.advance_calls;
    EXPECT_EQ(first, 1);
    const SteadyTime begun = clock_.steady_now();
    for (std::int64_t seq = 2; clock_.steady_now() < begun + milliseconds(3500); ++seq) {
        accept(0, {seq});
        step();
        clock_.advance(milliseconds(10));
    }
    EXPECT_EQ(store_.advance_calls, first + 3);
    EXPECT_LT(lane(0).published_seq, lane(0).last_seq);
    run(8);
    EXPECT_EQ(store_.advance_calls, first + 4);
    EXPECT_EQ(lane(0).published_seq, lane(0).last_seq);
    run(50);
    EXPECT_EQ(store_.advance_calls, first + 4) << "nothing has moved";
}

TEST_F(PublisherTest, MeasuresTheBacklog) {
    accept(0, {1, 2});
    producer_.down = true;
    step();
    EXPECT_EQ(metrics_.outbox_backlog_events.Value(), 2);
    producer_.down = false;
    run(10);
    clock_.advance(Publisher::backlog_interval);
    step();
    EXPECT_EQ(metrics_.outbox_backlog_events.Value(), 0);
}

TEST_F(PublisherTest, MeasuresTheParkedDeadLetters) {
    database_.tables.letters.resize(3);
    database_.tables.letters[1].parked = false;
    step();
    EXPECT_EQ(metrics_.dead_letters_parked.Value(), 2);
}

}  // namespace
}  // namespace ledgerline::publish
