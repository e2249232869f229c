#include "apply/worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <numeric>
#include <set>

namespace ledgerline::apply {
namespace {

Uuid event_id(std::int64_t seq, int lane = 0) {
    Uuid id;
    id.bytes[0] = 0xee;
    id.bytes[1] = static_cast<std::uint8_t>(lane);
    id.bytes[15] = static_cast<std::uint8_t>(seq);
    return id;
}

Event event(std::int64_t seq, int lane = 0) {
    Event made;
    made.event_id = event_id(seq, lane);
    made.lane = lane;
    made.seq = seq;
    made.amount_cents = 1;
    made.currency = "EUR";
    return made;
}

// Returns what the test queues, one element per poll.
class ScriptedConsumer final : public bus::Consumer {
public:
    Result<bus::Polled> poll(milliseconds, std::size_t messages_max) override {
        asked.push_back(messages_max);
        if (polls.empty()) return bus::Polled{{}, {}, {}, {0}};
        bus::Polled next = std::move(polls.front());
        polls.pop_front();
        return next;
    }
    void commit(int, std::int64_t next_offset) override { committed = next_offset; }

    void deliver(const std::vector<std::int64_t>& seqs) {
        bus::Polled polled;
        for (const auto seq : seqs) polled.messages.push_back({"transactions", 0, offset++, encode(event(seq))});
        polls.push_back(std::move(polled));
    }
    // The same seqs in both lanes.
    void deliver_to_both(const std::vector<std::int64_t>& seqs) {
        bus::Polled polled;
        for (const auto seq : seqs)
            for (const int lane : {0, 1})
                polled.messages.push_back({"transactions", lane, offset++, encode(event(seq, lane))});
        polls.push_back(std::move(polled));
    }
    void deliver(Message message) {
        polls.push_back({{}, {}, {{"transactions", 0, offset++, std::move(message)}}, {}});
    }

    std::deque<bus::Polled> polls{{{0}, {}, {}, {}}};
    std::int64_t offset = 0;
    std::int64_t committed = -1;
    std::vector<std::size_t> asked;  // the message limit of each poll
};

// One lane whose events 1..last_seq are proven. Fails where the test says so.
class FakeStore final : public LedgerStore {
public:
    Result<std::vector<LaneState>> load(std::span<const int> lanes) override {
        if (down) return failure(Disposition::retry, "08006", "down");
        std::vector<LaneState> states;
        for (const int lane : lanes) {
            if (lane == 0) states.push_back(state);
            if (lane == 1 && also_lane_1) states.push_back(state_1);
        }
        return states;
    }
    Result<ApplyReport> apply(std::span<const LaneRun> runs) override {
        ++apply_calls;
        on_apply();
        if (down) return failure(Disposition::retry, "08006", "down");
        if (!lane_error.empty()) return failure(Disposition::retry, lane_error, "lane");
        ApplyReport report;
        for (const LaneRun& run : runs) {
            LEDGERLINE_TRY(auto result, decide(run));
            report.runs.push_back(std::move(result));
        }
        for (std::size_t i = 0; i < runs.size(); ++i) commit(runs[i], report.runs[i]);
        return report;
    }
    Result<HeadReport> apply_head(const LaneRun& run) override {
        if (blocked_by) {
            ++apply_calls;
            return HeadReport{.report = {{{ApplyResult::Status::waiting, {}}}, {}},
                              .refusal = Error{Disposition::refuse, "22003", "of another lane"},
                              .event_id = *blocked_by};
        }
        auto report = apply(std::span(&run, 1));
        if (report) return HeadReport{.report = *std::move(report), .refusal = {}, .event_id = run.refs[0].event_id};
        if (report.error().disposition != Disposition::refuse) return std::unexpected(report.error());
        return HeadReport{.report = {}, .refusal = report.error(), .event_id = run.refs[0].event_id};
    }
    Result<std::vector<bool>> prove(int, std::span<const EventRef> refs) override {
        std::vector<bool> flags;
        for (const EventRef& ref : refs)
            flags.push_back(ref.event_id == event_id(ref.seq) && ref.seq <= state.last_seq);
        return flags;
    }
    Result<int> count_attempt(int, std::int64_t) override { return ++state.attempts; }
    Result<bool> park(int, std::int64_t applied_seq, const ParkedEvent& letter) override {
        if (refuses_letters == 2 || (refuses_letters == 1 && !letter.bare))
            return failure(Disposition::refuse, "54000", "too large");
        if (applied_seq != state.applied_seq) return false;
        state.applied_seq = letter.ref.seq;
        state.attempts = 0;
        state.streak = letter.error_class == "unknown" ? state.streak_with(letter.error_code) : 0;
        state.streak_code = letter.error_code;
        parked.push_back(letter);
        return true;
    }
    Result<std::size_t> park_foreign(std::span<const ForeignMessage> letters) override {
        if (down) return failure(Disposition::retry, "08006", "down");
        for (const auto& letter : letters)
            if (refused_values.contains(letter.incoming.message.value) &&
                (!letter.bare || letter.incoming.message.value == "unbearable"))
                return failure(Disposition::refuse, "22021", "not text");
        for (const auto& letter : letters) foreign.push_back(letter.error_code + (letter.bare ? " bare" : ""));
        return letters.size();
    }
    Result<bool> rewind(int, std::int64_t applied_seq) override {
        rewinds.push_back(applied_seq);
        return std::exchange(state.published_seq, std::min(state.published_seq, applied_seq)) > applied_seq;
    }
    Result<bool> halt(int, const LaneHalt& halt) override {
        if (halt.seq != state.applied_seq + 1) return false;
        state.halt = halt;
        return true;
    }
    Result<bool> clear_halt(int) override {
        if (!state.halt || state.halt->seq > state.applied_seq) return false;
        state.halt.reset();
        return true;
    }

    LaneState state{.lane = 0, .applied_seq = 0, .published_seq = 0, .last_seq = 100};
    bool down = false;
    bool also_lane_1 = false;
    std::optional<Uuid> blocked_by;  // an event that the head of every lane waits for, and that is refused
    LaneState state_1{.lane = 1};
    std::string lane_error;
    std::vector<std::int64_t> guilty;
    std::string guilty_code = "22003";
    std::int64_t version_unknown_seq = 0;
    std::int64_t waits_seq = 0;            // of lane 0: it waits for another lane, and so does what is behind it
    std::int64_t decided_beyond = 0;       // of lane 0: how much more than the run, because others waited for it
    int refuses_letters = 0;               // 1: of events, unless they are bare; 2: all
    std::set<std::string> refused_values;  // of foreign messages
    int apply_calls = 0;
    std::function<void()> on_apply = [] {};
    std::vector<std::int64_t> applied, rewinds;  // of lane 0
    std::vector<ParkedEvent> parked;
    std::vector<std::string> foreign;

private:
    LaneState& state_of(int lane) { return lane == 0 ? state : state_1; }

    Result<ApplyResult> decide(const LaneRun& run) {
        const LaneState& its = state_of(run.lane);
        if (run.applied_seq != its.applied_seq) return ApplyResult{ApplyResult::Status::cursor_moved, {}};
        ApplyResult result;
        for (const EventRef& ref : run.refs) {
            if (ref.event_id != event_id(ref.seq, run.lane) || ref.seq > its.last_seq)
                return ApplyResult{ApplyResult::Status::not_proven, {}};
            if (run.lane == 0 && ref.seq == version_unknown_seq)
                return ApplyResult{ApplyResult::Status::version_unknown, {}};
            if (run.lane == 0 && ref.seq == waits_seq) {
                result.status = ApplyResult::Status::waiting;
                return result;
            }
            if (run.lane == 0 && std::count(guilty.begin(), guilty.end(), ref.seq))
                return failure(Disposition::refuse, guilty_code, "bad row");
            result.outcomes.push_back({event(ref.seq, run.lane), {}});
        }
        for (std::int64_t more = run.lane == 0 ? std::exchange(decided_beyond, 0) : 0; more > 0; --more)
            result.outcomes.push_back({event(result.outcomes.back().event.seq + 1), {}});
        return result;
    }
    void commit(const LaneRun& run, const ApplyResult& result) {
        if (result.outcomes.empty()) return;
        LaneState& its = state_of(run.lane);
        its.applied_seq = result.outcomes.back().event.seq;
        its.attempts = its.streak = 0;
        if (run.lane > 0) return;
        for (const Applied& outcome : result.outcomes) applied.push_back(outcome.event.seq);
    }
};

class WorkerTest : public testing::Test {
protected:
    // Steps until nothing is left to deliver and no retry is pending, at most `rounds` times.
    void run(int rounds = 50) {
        for (int i = 0; i < rounds; ++i) {
            const auto idle = worker.step();
            ASSERT_TRUE(idle) << idle.error().message;
            clock.advance(milliseconds(100));
        }
    }

    ManualClock clock;
    SeededRandom random{7};
    UuidGenerator ids{clock, random};
    Metrics metrics{"test"};
    ScriptedConsumer consumer;
    FakeStore store;
    int outcomes = 0;
    bool says(const std::string& line) const { return metrics.to_text().find(line) != std::string::npos; }

    ProcessContext context{clock, random, ids, metrics};
    Worker worker{WorkerConfig{}, consumer, store, [this](WallTime) { ++outcomes; }, context};
};

using Seqs = std::vector<std::int64_t>;

TEST_F(WorkerTest, AppliesARunInOneBatchAndCommitsTheOffset) {
    consumer.deliver({1, 2, 3});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3}));
    EXPECT_EQ(store.apply_calls, 1);
    EXPECT_EQ(consumer.committed, 3);
    EXPECT_EQ(outcomes, 1);
}

TEST_F(WorkerTest, AfterAPollOfSeveralItGathersWhatStillComes) {
    consumer.deliver({1, 2, 3, 4, 5, 6});
    for (const std::int64_t seq : {7, 8, 9}) consumer.deliver({seq});
    consumer.polls.emplace_back();  // nothing more comes
    for (const std::int64_t seq : {10, 11}) consumer.deliver({seq});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    EXPECT_EQ(store.apply_calls, 4) << "of 6, 3, 1 and 1";
    EXPECT_EQ(consumer.committed, 11);
}

TEST_F(WorkerTest, GathersNothingBeyondARebalance) {
    Seqs many(200);
    std::iota(many.begin(), many.end(), 1);
    store.state.last_seq = 1000;
    consumer.deliver(many);
    consumer.deliver({201});
    consumer.polls.push_back({.assigned = {}, .revoked = {0}, .messages = {}, .ended = {}});
    consumer.deliver({202});
    run();
    EXPECT_EQ(store.apply_calls, 1);
    EXPECT_EQ(store.applied, many) << "201 is for whoever has the lane now";
}

TEST_F(WorkerTest, AppliesTheRunsOfAllLanesInOneTransaction) {
    consumer.polls = {{{0, 1}, {}, {}, {}}};
    store.also_lane_1 = true;
    store.state_1.last_seq = 100;
    consumer.deliver_to_both({1, 2, 3});
    run();
    EXPECT_EQ(store.apply_calls, 1);
    EXPECT_EQ(outcomes, 1);
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3}));
    EXPECT_EQ(store.state_1.applied_seq, 3);
}

TEST_F(WorkerTest, ALaneThatCannotGoOnHoldsUpNoOther) {
    consumer.polls = {{{0, 1}, {}, {}, {}}};
    store.also_lane_1 = true;
    store.state_1.last_seq = 100;
    store.guilty = {2};
    store.guilty_code = "P0001";
    store.refuses_letters = 2;  // nor can its letter be written
    consumer.deliver_to_both({1, 2, 3});
    run();
    EXPECT_EQ(store.applied, (Seqs{1}));
    EXPECT_EQ(store.state_1.applied_seq, 3);
    for (std::int64_t seq = 4; seq <= 20; ++seq) {
        consumer.deliver_to_both({seq});
        run(1);
    }
    run();
    EXPECT_EQ(store.state_1.applied_seq, 20);
    EXPECT_EQ(store.applied, (Seqs{1}));
    ASSERT_TRUE(store.state.halt);
    EXPECT_EQ(store.state.halt->code, "letter_refused");
}

TEST_F(WorkerTest, ARunThatComesToNothingHoldsUpNoOther) {
    consumer.polls = {{{0, 1}, {}, {}, {}}};
    store.also_lane_1 = true;
    store.state_1.last_seq = 100;
    store.version_unknown_seq = 2;
    store.state.applied_seq = 1;
    consumer.deliver_to_both({1});
    consumer.deliver_to_both({2});
    run();
    EXPECT_TRUE(store.applied.empty());
    EXPECT_EQ(store.state_1.applied_seq, 2);
}

TEST_F(WorkerTest, WhatWaitsForAnotherLaneIsAppliedOnceItCanBe) {
    store.waits_seq = 3;
    consumer.deliver({1, 2, 3, 4});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2}));
    EXPECT_GT(store.apply_calls, 5) << "it looks again";
    EXPECT_LT(store.apply_calls, 60) << "but not all the time";
    EXPECT_TRUE(store.rewinds.empty());
    store.waits_seq = 0;
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3, 4}));
}

TEST_F(WorkerTest, WhatIsRefusedInAnotherLaneIsNotParkedHere) {
    store.blocked_by = event_id(1, 7);
    consumer.deliver({1});
    run();
    EXPECT_TRUE(store.parked.empty());
    EXPECT_EQ(store.state.attempts, 0);
    EXPECT_FALSE(store.state.halt);
    EXPECT_GT(store.apply_calls, 5);
    store.blocked_by.reset();
    run();
    EXPECT_EQ(store.applied, (Seqs{1}));
}

TEST_F(WorkerTest, WhatWasDecidedBecauseOthersWaitedForItIsADuplicateWhenItComes) {
    store.decided_beyond = 2;
    consumer.deliver({1});
    consumer.deliver({2, 3, 4});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3, 4}));
    EXPECT_TRUE(store.rewinds.empty());
    EXPECT_EQ(consumer.committed, 4);
}

// A standby that lagged behind takes over: what comes in the places of what was lost is no duplicate.
TEST_F(WorkerTest, ReadsWhereItsLanesStandAfterALostSession) {
    Worker patient{{.tail_check_interval = std::chrono::hours(1)}, consumer, store, [](WallTime) {}, context};
    const auto run_it = [&](int rounds) {
        for (; rounds > 0; --rounds, clock.advance(milliseconds(100))) EXPECT_TRUE(patient.step());
    };
    consumer.deliver({1, 2, 3, 4, 5});
    run_it(5);
    consumer.deliver({6});
    store.on_apply = [this] { store.down = true; };
    run_it(1);
    store.on_apply = [] {};
    store.down = false;
    store.state.applied_seq = 3;
    consumer.deliver({4, 5});
    run_it(50);
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3, 4, 5, 4, 5}));
}

TEST_F(WorkerTest, DropsDuplicates) {
    consumer.deliver({1, 2});
    consumer.deliver({2, 1, 2, 3, 3});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3}));
    EXPECT_TRUE(store.rewinds.empty());
}

TEST_F(WorkerTest, AsksOnceForWhatIsMissingBeforeAGap) {
    store.state.published_seq = 5;
    consumer.deliver({1, 3, 4, 5});
    consumer.deliver({4, 5});
    run(4);
    EXPECT_EQ(store.applied, (Seqs{1}));
    EXPECT_EQ(store.rewinds, (Seqs{1}));
    consumer.deliver({2, 3, 4, 5});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3, 4, 5}));
    EXPECT_TRUE(store.foreign.empty());
}

TEST_F(WorkerTest, TakesSilenceForAGap) {
    store.state.published_seq = 4;
    run();
    EXPECT_EQ(store.rewinds, (Seqs{0}));
}

TEST_F(WorkerTest, BelievesThatSilenceIsALossOnlyWhenThePartitionEnded) {
    store.state.published_seq = 4;
    for (int i = 0; i < 60; ++i) consumer.polls.push_back({});
    run();
    EXPECT_TRUE(store.rewinds.empty());
}

TEST_F(WorkerTest, ParksMessagesThatAnnounceNothingOfOurs) {
    Message garbage = encode(event(1));
    garbage.headers.clear();
    consumer.deliver(garbage);
    Event beyond_the_end = event(101);
    consumer.deliver(encode(beyond_the_end));
    Event elsewhere = event(1);
    elsewhere.lane = 5;
    consumer.deliver(encode(elsewhere));
    consumer.deliver({1});
    run();
    EXPECT_EQ(store.foreign, (std::vector<std::string>{"undecodable", "not_proven", "wrong_partition"}));
    EXPECT_EQ(store.applied, (Seqs{1}));
    EXPECT_EQ(consumer.committed, 4);
}

TEST_F(WorkerTest, AppliesWhatTheHeadersProveWhateverTheValueHolds) {
    Message unreadable = encode(event(1));
    unreadable.value = std::string("\xff\0[", 3);
    consumer.deliver(unreadable);
    Message other = encode(event(2));
    other.value = encode(event(99)).value;
    consumer.deliver(other);
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2}));
    EXPECT_TRUE(store.foreign.empty());
}

TEST_F(WorkerTest, AForgedEventInARealOnesPlaceIsParkedAndTheRealOneAskedFor) {
    store.state.published_seq = 3;
    Event forged = event(2);
    forged.event_id = event_id(99);
    consumer.polls.push_back({{},
                              {},
                              {{"transactions", 0, 0, encode(event(1))},
                               {"transactions", 0, 1, encode(forged)},
                               {"transactions", 0, 2, encode(event(3))}},
                              {}});
    run(3);
    EXPECT_EQ(store.applied, (Seqs{1}));
    EXPECT_EQ(store.foreign, (std::vector<std::string>{"not_proven"}));
    EXPECT_EQ(store.rewinds, (Seqs{1}));
    consumer.deliver({2, 3});
    run();
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3}));
}

TEST_F(WorkerTest, ParksTheGuiltyEventAlone) {
    for (const std::int64_t guilty : {1, 4, 7}) {
        store = FakeStore{};
        store.state.last_seq = 7;
        store.guilty = {guilty};
        ScriptedConsumer events;
        Worker fresh{WorkerConfig{}, events, store, [](WallTime) {}, context};
        events.deliver({1, 2, 3, 4, 5, 6, 7});
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(fresh.step());
        ASSERT_EQ(store.parked.size(), 1u);
        EXPECT_EQ(store.parked[0].ref.seq, guilty);
        EXPECT_EQ(store.parked[0].error_class, "permanent");
        EXPECT_EQ(store.applied.size(), 6u);
        EXPECT_EQ(store.state.applied_seq, 7);
    }
}

TEST_F(WorkerTest, TriesAnUnknownFailureFiveTimesAndParksIt) {
    store.guilty = {2};
    store.guilty_code = "P0001";
    consumer.deliver({1, 2, 3});
    run(500);
    ASSERT_EQ(store.parked.size(), 1u);
    EXPECT_EQ(store.parked[0].attempts, 5);
    EXPECT_EQ(store.parked[0].error_class, "unknown");
    EXPECT_EQ(store.applied, (Seqs{1, 3}));
}

TEST_F(WorkerTest, HaltsALaneWhoseEventsFailInARowAndGoesOnWhenTheyNoLongerDo) {
    store.guilty = {1, 2, 3, 4};
    store.guilty_code = "P0001";
    consumer.deliver({1, 2, 3, 4, 5});
    run(2000);
    EXPECT_EQ(store.parked.size(), 2u) << "the third in a row is an outage";
    EXPECT_EQ(store.state.applied_seq, 2);
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 1"));
    ASSERT_TRUE(store.state.halt);
    EXPECT_EQ(store.state.halt->seq, 3);
    EXPECT_EQ(store.state.halt->code, "P0001");
    store.guilty.clear();
    run(1000);
    EXPECT_EQ(store.applied, (Seqs{3, 4, 5}));
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 0"));
    EXPECT_FALSE(store.state.halt);
}

// A bus with something between it and the worker that damages the headers of event 1: a rewind brings it again,
// damaged.
class DamagingBus {
public:
    DamagingBus(ScriptedConsumer& consumer, FakeStore& store) : consumer_(consumer), store_(store) {}

    // Call before each step.
    void deliver_what_was_asked_for() {
        if (asked_ == store_.rewinds.size() && started_) return;
        started_ = true;
        asked_ = store_.rewinds.size();
        store_.state.published_seq = 3;
        ++deliveries;
        bus::Polled polled;
        for (std::int64_t seq = store_.state.applied_seq + 1; seq <= 3; ++seq) {
            Message message = encode(event(seq));
            if (seq == 1 && damages) message.headers.pop_back(), message.headers.pop_back();
            if (seq == 1 && damages && changes_values)
                message.value += std::string(static_cast<std::size_t>(deliveries), ' ');
            polled.messages.push_back({"transactions", 0, consumer_.offset++, std::move(message)});
        }
        consumer_.polls.push_back(std::move(polled));
    }

    bool damages = true;
    bool changes_values = false;
    int deliveries = 0;

private:
    ScriptedConsumer& consumer_;
    FakeStore& store_;
    bool started_ = false;
    std::size_t asked_ = 0;
};

TEST_F(WorkerTest, HaltsALaneWhoseEventComesUnrecognisedThreeTimesAndTriesItSeldom) {
    DamagingBus bus(consumer, store);
    const auto run_for = [&](int rounds) {
        for (int i = 0; i < rounds; ++i) {
            bus.deliver_what_was_asked_for();
            run(1);
        }
    };
    run_for(100);  // 10 s
    EXPECT_EQ(bus.deliveries, 3);
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 1"));
    ASSERT_TRUE(store.state.halt);
    EXPECT_EQ(store.state.halt->seq, 1);
    EXPECT_EQ(store.state.halt->code, "not_recognized");
    EXPECT_NE(store.state.halt->reason.find("undecodable"), std::string::npos) << store.state.halt->reason;

    const std::size_t letters = store.foreign.size();
    EXPECT_LE(letters, 2u) << "what comes again is not kept again";
    run_for(6000);  // 10 min
    EXPECT_GE(bus.deliveries, 15) << "it tries again";
    EXPECT_LE(bus.deliveries, 3 + 20) << "at long intervals";
    EXPECT_EQ(store.foreign.size(), letters);
    EXPECT_TRUE(store.applied.empty());

    bus.damages = false;
    run_for(400);
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3})) << "by itself, once the cause is gone";
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 0"));
    EXPECT_FALSE(store.state.halt);
}

TEST_F(WorkerTest, AWorkerThatTakesAHaltedLaneOverKeepsToItsPace) {
    store.state.halt = LaneHalt{1, "not_recognized", "as the last one found it", {}};
    DamagingBus bus(consumer, store);
    for (int i = 0; i < 3000; ++i) {  // 5 min
        bus.deliver_what_was_asked_for();
        run(1);
    }
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 1"));
    EXPECT_LE(bus.deliveries, 2 + 10);
    bus.damages = false;
    for (int i = 0; i < 400; ++i) {
        bus.deliver_what_was_asked_for();
        run(1);
    }
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3}));
    EXPECT_FALSE(store.state.halt);
}

TEST_F(WorkerTest, LossesAloneHaltNoLane) {
    for (int i = 0; i < 20; ++i) {
        store.state.published_seq = 3;
        run(10);
    }
    EXPECT_GE(store.rewinds.size(), 5u) << "asked again, with growing pauses";
    EXPECT_LE(store.rewinds.size(), 9u);
    EXPECT_FALSE(store.state.halt);
}

// Something moves the messages of lane 0 to the partition of lane 1.
TEST_F(WorkerTest, HaltsALaneWhoseEventComesInAnotherPartition) {
    consumer.polls = {{{0, 1}, {}, {}, {}}};
    store.also_lane_1 = true;
    std::size_t asked = 99;
    for (int i = 0; i < 3000; ++i) {  // 5 min
        if (asked != store.rewinds.size()) {
            asked = store.rewinds.size();
            store.state.published_seq = 1;
            consumer.polls.push_back({{}, {}, {{"transactions", 1, consumer.offset++, encode(event(1))}}, {}});
        }
        run(1);
    }
    ASSERT_TRUE(store.state.halt);
    EXPECT_EQ(store.state.halt->code, "not_recognized");
    EXPECT_NE(store.state.halt->reason.find("wrong_partition"), std::string::npos);
    EXPECT_LE(store.rewinds.size(), 3u + 10u);
    EXPECT_LE(store.foreign.size(), 2u);
    consumer.deliver({1});
    run(10);
    EXPECT_EQ(store.applied, (Seqs{1}));
    EXPECT_FALSE(store.state.halt);
}

TEST_F(WorkerTest, AHaltOfAnEventThatIsAppliedLeavesNoRecord) {
    store.state.halt = LaneHalt{1, "P0001", "of another worker", {}};
    store.state.applied_seq = 1;
    run(5);
    EXPECT_FALSE(store.state.halt);
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 0"));
}

TEST_F(WorkerTest, ForeignMessagesThatCannotBeKeptHoldNothingUp) {
    store.refused_values = {"unstorable", "unbearable"};
    for (const char* value : {"storable", "unstorable", "unbearable"}) consumer.deliver(Message{"key", value, {}});
    consumer.deliver({1, 2});
    run();
    EXPECT_EQ(store.foreign, (std::vector<std::string>{"undecodable", "undecodable bare"}));
    EXPECT_EQ(store.applied, (Seqs{1, 2}));
    EXPECT_EQ(consumer.committed, 5);
}

TEST_F(WorkerTest, ForeignMessagesOfOneRoundAreKeptThoughOneOfThemCannotBe) {
    store.refused_values = {"unbearable"};
    bus::Polled polled;
    for (const char* value : {"a", "unbearable", "b"})
        polled.messages.push_back({"transactions", 0, consumer.offset++, {"key", value, {}}});
    consumer.polls.push_back(std::move(polled));
    run();
    EXPECT_EQ(store.foreign, (std::vector<std::string>{"undecodable", "undecodable"}));
}

TEST_F(WorkerTest, ALetterThatCannotBeWrittenIsWrittenWithoutItsMessage) {
    store.guilty = {1};
    store.refuses_letters = 1;
    consumer.deliver({1, 2});
    run();
    ASSERT_EQ(store.parked.size(), 1u);
    EXPECT_TRUE(store.parked[0].bare);
    EXPECT_EQ(store.applied, (Seqs{2}));
}

TEST_F(WorkerTest, ALaneWhoseLetterCannotBeWrittenAtAllHaltsAndSaysSo) {
    store.guilty = {1};
    store.refuses_letters = 2;
    consumer.deliver({1, 2});
    run(300);
    ASSERT_TRUE(store.state.halt);
    EXPECT_EQ(store.state.halt->code, "letter_refused");
    EXPECT_LE(store.apply_calls, 4);
    store.refuses_letters = 0;
    run(400);
    EXPECT_EQ(store.parked.size(), 1u);
    EXPECT_EQ(store.applied, (Seqs{2}));
    EXPECT_FALSE(store.state.halt);
}

TEST_F(WorkerTest, APartitionBeyondTheLanesHoldsOnlyForeignMessages) {
    consumer.polls = {{{0, 1}, {}, {}, {}}};
    Event forged = event(1);
    forged.lane = 1;
    consumer.polls.push_back({{}, {}, {{"transactions", 1, 0, encode(forged)}}, {}});
    run();
    EXPECT_EQ(store.foreign, std::vector<std::string>{"wrong_partition"});
    EXPECT_TRUE(store.applied.empty());
}

TEST_F(WorkerTest, SaysNothingOfALaneItGaveUp) {
    store.guilty = {1, 2, 3};
    store.guilty_code = "P0001";
    consumer.deliver({1, 2, 3});
    run(2000);
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 1"));
    consumer.polls.push_back({{}, {0}, {}, {}});
    run(200);
    EXPECT_TRUE(says("lane_halted{lane=\"0\"} 0"));
    EXPECT_TRUE(says("lane_lag_events{lane=\"0\"} 0"));
}

TEST_F(WorkerTest, AnOutagePausesAndParksNothing) {
    consumer.deliver({1, 2, 3});
    run(1);
    store.down = true;
    run(300);
    store.down = false;
    run(200);
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3}));
    EXPECT_TRUE(store.parked.empty());
}

TEST_F(WorkerTest, ATransientFailureOfALaneIsRetriedForEver) {
    store.lane_error = "40P01";
    consumer.deliver({1, 2});
    run(1000);
    EXPECT_TRUE(store.applied.empty());
    EXPECT_TRUE(store.parked.empty());
    store.lane_error.clear();
    run(200);
    EXPECT_EQ(store.applied, (Seqs{1, 2}));
}

TEST_F(WorkerTest, AnUnknownVersionWaitsForANewerWorker) {
    store.version_unknown_seq = 3;
    consumer.deliver({1, 2, 3, 4});
    run(300);
    EXPECT_EQ(store.applied, (Seqs{1, 2}));
    EXPECT_TRUE(store.parked.empty());
    ASSERT_TRUE(store.state.halt);
    EXPECT_EQ(store.state.halt->code, "version_unknown");
    store.version_unknown_seq = 0;
    run(300);
    EXPECT_EQ(store.applied, (Seqs{1, 2, 3, 4}));
    EXPECT_FALSE(store.state.halt);
}

TEST_F(WorkerTest, GoesOnWhereAnotherWorkerMovedTheCursor) {
    consumer.deliver({1, 2, 3});
    ASSERT_TRUE(worker.step());
    ASSERT_TRUE(store.applied.empty());
    store.state.applied_seq = 2;
    run();
    EXPECT_EQ(store.applied, (Seqs{3}));
}

TEST_F(WorkerTest, AFatalFailureEndsTheRole) {
    class BrokenStore final : public LedgerStore {
        std::unexpected<Error> broken() { return failure(Disposition::stop, "42P01", "no such table"); }
        Result<std::vector<LaneState>> load(std::span<const int>) override { return broken(); }
        Result<ApplyReport> apply(std::span<const LaneRun>) override { return broken(); }
        Result<HeadReport> apply_head(const LaneRun&) override { return broken(); }
        Result<std::vector<bool>> prove(int, std::span<const EventRef>) override { return broken(); }
        Result<int> count_attempt(int, std::int64_t) override { return broken(); }
        Result<bool> park(int, std::int64_t, const ParkedEvent&) override { return broken(); }
        Result<std::size_t> park_foreign(std::span<const ForeignMessage>) override { return broken(); }
        Result<bool> rewind(int, std::int64_t) override { return broken(); }
        Result<bool> halt(int, const LaneHalt&) override { return broken(); }
        Result<bool> clear_halt(int) override { return broken(); }
    } broken;
    Worker doomed{WorkerConfig{}, consumer, broken, [](WallTime) {}, context};
    const auto step = doomed.step();
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, "42P01");
}

// Otherwise the group would take its partitions away.
TEST_F(WorkerTest, PollsBetweenBatchesWhileTheDatabaseIsSlow) {
    constexpr std::int64_t kEvents = 1800;
    store.state.last_seq = kEvents;
    std::vector<std::int64_t> seqs(kEvents);
    std::iota(seqs.begin(), seqs.end(), 1);
    consumer.deliver(seqs);
    ASSERT_TRUE(worker.step());  // assigned
    store.on_apply = [this] { clock.advance(milliseconds(10'000)); };
    for (int i = 1; i <= 3; ++i) {
        const std::size_t polls = consumer.asked.size();
        ASSERT_TRUE(worker.step());
        EXPECT_EQ(store.apply_calls, i) << "one batch, then back to poll";
        EXPECT_EQ(consumer.asked.size(), polls + 1);
    }
    EXPECT_LE(consumer.asked.back(), lane_pending_max - kEvents + 1000) << "no more than the lane has room for";
    run();
    EXPECT_EQ(std::ssize(store.applied), kEvents);
    EXPECT_TRUE(store.rewinds.empty());
}

}  // namespace
}  // namespace ledgerline::apply
