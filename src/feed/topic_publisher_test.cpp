// TopicPublisher on a store and a bus that the tests break.
#include "feed/topic_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "lab/failing_producer.h"

namespace ledgerline::feed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kLanes = 4;

class MemoryStore final : public TopicStore {
public:
    Result<std::vector<TopicLease>> leases(const std::string& owner) override {
        if (away) return failure(Disposition::retry, "08006", "away");
        std::vector<TopicLease> held;
        for (int lane = 0; lane < kLanes; ++lane)
            if (owners[lane] == owner) held.push_back({lane, epochs[lane], told[lane]});
        return held;
    }
    Result<FeedPosition> ends() override {
        FeedPosition end;
        for (const auto& [lane, outcomes] : decided) end.advance(lane, outcomes.back()->place);
        return end;
    }
    Result<std::vector<std::shared_ptr<const Outcome>>> read(std::span<const LanePlace> from, std::size_t rows_max,
                                                             std::size_t) override {
        if (away) return failure(Disposition::retry, "08006", "away");
        on_read();
        std::vector<std::shared_ptr<const Outcome>> rows;
        for (const LanePlace& each : from)
            for (const auto& outcome : decided[each.lane])
                if (outcome->place > each.place && rows.size() < rows_max) rows.push_back(outcome);
        return rows;
    }
    Result<void> note_told(const std::string& owner, std::span<const LanePlace> places) override {
        if (away) return failure(Disposition::retry, "08006", "away");
        ++notes;
        for (const LanePlace& each : places)
            if (owners[each.lane] == owner && epochs[each.lane] == each.epoch) told[each.lane] = each.place;
        return {};
    }
    Result<TopicLag> lag() override { return TopicLag{}; }

    void give_all_to(const std::string& owner) {
        for (int lane = 0; lane < kLanes; ++lane) give(lane, owner);
    }
    void give(int lane, const std::string& owner) {
        owners[lane] = owner;
        ++epochs[lane];
    }
    void decide(int lane, int count = 1, std::size_t bytes = 0) {
        for (; count > 0; --count) {
            Outcome outcome{.type = OutcomeType::processed,
                            .lane = lane,
                            .place = {},
                            .account_id = {},
                            .tenant_name = {},
                            .id = {},
                            .time = {},
                            .data = {}};
            outcome.place.seq = decided[lane].empty() ? 1 : decided[lane].back()->place.seq + 1;
            outcome.id = std::to_string(lane) + ":" + std::to_string(outcome.place.seq);
            outcome.data = std::string(bytes, 'x');
            decided[lane].push_back(std::make_shared<const Outcome>(outcome));
        }
    }

    std::map<int, std::vector<std::shared_ptr<const Outcome>>> decided;
    std::map<int, std::string> owners;
    std::map<int, std::int64_t> epochs;
    std::map<int, std::optional<FeedPlace>> told;
    std::function<void()> on_read = [] {};
    bool away = false;
    int notes = 0;
};

class TopicPublishers : public testing::Test {
protected:
    struct Process {
        Process(TopicPublishers& test, const std::string& name, TopicStart start = TopicStart::start)
            : producer(test.topic_, test.random_, test.clock_,
                       [this, &test] { return test.random_.below(100) < faults_percent; }),
              publisher(name, start, test.store_, producer, test.context_) {}
        void rounds(TopicPublishers& test, int count) {
            for (; count > 0; --count) {
                EXPECT_TRUE(publisher.step());
                test.clock_.advance(milliseconds(300));
            }
        }
        unsigned faults_percent = 0;
        test::FailingProducer producer;
        TopicPublisher publisher;
    };

    std::vector<std::string> told(int lane) const {
        std::vector<std::string> ids;
        if (const auto arrived = topic_.find(lane); arrived != topic_.end())
            for (const Message& message : arrived->second) ids.push_back(*message.header("ce_id"));
        return ids;
    }

    // The first time each arrives, in the order of the lane, and none is missing.
    void expect_complete() const {
        for (const auto& [lane, outcomes] : store_.decided) {
            std::vector<std::string> wanted, first;
            std::set<std::string> seen;
            for (const auto& outcome : outcomes) wanted.push_back(outcome->id);
            for (const std::string& id : told(lane))
                if (seen.insert(id).second) first.push_back(id);
            EXPECT_EQ(first, wanted) << "lane " << lane;
        }
    }

    ManualClock clock_;
    SeededRandom random_{7};
    UuidGenerator ids_{clock_, random_};
    Metrics metrics_{"test"};
    ProcessContext context_{clock_, random_, ids_, metrics_};
    MemoryStore store_;
    test::SharedTopic topic_;
};

TEST_F(TopicPublishers, NotesAgainWhatWasNotedUnderAnEpochThatHasPassed) {
    Process process(*this, "a");
    store_.give_all_to("a");
    store_.told[0] = FeedPlace{};
    store_.decide(0, 3);
    // As a rewind does, once the leases are read and before the place is noted.
    store_.on_read = [this] {
        store_.on_read = [] {};
        store_.give(0, "a");
    };
    process.rounds(*this, 30);
    EXPECT_EQ(told(0).size(), 3u);
    EXPECT_EQ(store_.told[0], (FeedPlace{.seq = 3}));
}

TEST_F(TopicPublishers, TellsEveryLaneInItsOrder) {
    Process process(*this, "a");
    store_.give_all_to("a");
    for (int lane = 0; lane < kLanes; ++lane) store_.decide(lane, 20 + lane);
    process.rounds(*this, 20);
    expect_complete();
    EXPECT_EQ(metrics_.outcomes_published_total.Value(), 86);
    EXPECT_EQ(store_.told[3], (FeedPlace{23, 0}));
}

TEST_F(TopicPublishers, PlacesAreNotedAtMostOnceASecond) {
    Process process(*this, "a");
    store_.give_all_to("a");
    for (int i = 0; i < 40; ++i) {
        store_.decide(0);
        process.rounds(*this, 1);
    }
    EXPECT_LE(store_.notes, 13);
    EXPECT_GE(store_.notes, 8);
}

TEST_F(TopicPublishers, WhatTheBusDoesNotTakeIsSentAgainInOrder) {
    for (unsigned percent : {1U, 10U, 40U}) {
        Process process(*this, "a");
        store_.give_all_to("a");
        process.faults_percent = percent;
        for (int i = 0; i < 60; ++i) {
            store_.decide(i % kLanes, static_cast<int>(1 + random_.below(8)));
            process.rounds(*this, 1);
        }
        process.faults_percent = 0;
        process.rounds(*this, 120);
        expect_complete();
        process.publisher.release();
    }
}

// Processes are killed, lose lanes to one another, and go on after they have lost them.
TEST_F(TopicPublishers, KillsAndZombiesLoseNothing) {
    std::map<std::string, std::unique_ptr<Process>> processes;
    for (const char* name : {"a", "b", "c"}) processes.emplace(name, std::make_unique<Process>(*this, name));
    store_.give_all_to("a");
    for (int i = 0; i < 400; ++i) {
        store_.decide(static_cast<int>(random_.below(kLanes)), static_cast<int>(1 + random_.below(5)));
        for (auto& [name, process] : processes) {
            process->faults_percent = random_.below(10) == 0 ? 20 : 0;
            if (random_.below(3) > 0) process->rounds(*this, 1);
            if (random_.below(40) == 0) process = std::make_unique<Process>(*this, name);
            if (random_.below(10) == 0) store_.give(static_cast<int>(random_.below(kLanes)), name);
        }
        store_.away = random_.below(15) == 0;
    }
    store_.away = false;
    for (auto& [name, process] : processes) process->faults_percent = 0;
    for (int i = 0; i < 300; ++i)
        for (auto& [name, process] : processes) process->rounds(*this, 1);
    expect_complete();
}

// A standby that lagged behind takes over: what is decided in the places of what was lost is told.
TEST_F(TopicPublishers, WhatAServerDecidesAgainThatLostItsNewestCommitsIsTold) {
    Process process(*this, "a");
    store_.give_all_to("a");
    store_.decide(0, 3);
    process.rounds(*this, 20);
    ASSERT_EQ(store_.told[0], (FeedPlace{.seq = 3}));
    const auto decided = store_.decided;
    const auto noted = store_.told;
    store_.decide(0, 2);
    process.rounds(*this, 20);
    EXPECT_THAT(told(0), ElementsAre("0:1", "0:2", "0:3", "0:4", "0:5"));
    store_.away = true;
    process.rounds(*this, 3);
    store_.away = false;
    store_.decided = decided;
    store_.told = noted;
    store_.decide(0, 3);
    process.rounds(*this, 20);
    EXPECT_THAT(told(0), ElementsAre("0:1", "0:2", "0:3", "0:4", "0:5", "0:4", "0:5", "0:6"));
    EXPECT_EQ(store_.told[0], (FeedPlace{.seq = 6}));
}

TEST_F(TopicPublishers, BeginsWhereItIsToldTo) {
    store_.decide(0, 5);
    store_.give_all_to("a");
    Process process(*this, "a", TopicStart::latest);
    process.rounds(*this, 10);
    EXPECT_THAT(told(0), IsEmpty());
    store_.decide(0, 1);
    store_.decide(1, 1);
    process.rounds(*this, 10);
    EXPECT_THAT(told(0), ElementsAre("0:6"));
    EXPECT_THAT(told(1), ElementsAre("1:1"));
    // Only the first time: from then on there is a place.
    process.publisher.release();
    store_.decide(0, 1);
    Process next(*this, "a", TopicStart::latest);
    next.rounds(*this, 10);
    EXPECT_THAT(told(0), ElementsAre("0:6", "0:7"));
}

TEST_F(TopicPublishers, WhatIsTooLargeStopsItsLaneAlone) {
    Process process(*this, "a");
    store_.give_all_to("a");
    store_.decide(0, 1);
    store_.decide(0, 1, 20'000);
    store_.decide(0, 1);
    store_.decide(1, 3);
    process.rounds(*this, 30);
    EXPECT_THAT(told(0), ElementsAre("0:1"));
    EXPECT_THAT(told(1), ElementsAre("1:1", "1:2", "1:3"));
}

TEST_F(TopicPublishers, ASilentBusIsWaitedFor) {
    Process process(*this, "a");
    store_.give_all_to("a");
    process.producer.silent = true;
    store_.decide(0, 5);
    EXPECT_TRUE(process.publisher.step());
    process.producer.silent = false;
    store_.decide(0, 5);
    process.rounds(*this, 10);
    expect_complete();
    EXPECT_EQ(told(0).size(), 10u);
}

}  // namespace
}  // namespace ledgerline::feed
