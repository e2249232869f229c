// TopicPublisher on a store and a bus that the tests break.
#include "feed/topic_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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
    bool away = false;
    int notes = 0;
};

// The topic, which all producers share.
using Topic = std::map<int, std::vector<std::string>>;

// Reports come late. Once a partition fails, everything after it fails too, whether or not it has arrived, until
// everything was reported: as a client does that is dropped.
class FaultyProducer final : public bus::Producer {
public:
    FaultyProducer(Topic& topic, Random& random, ManualClock& clock) : topic_(topic), random_(random), clock_(clock) {}

    std::uint64_t send(std::span<const bus::Outgoing> messages) override {
        const std::uint64_t first = next_;
        for (const bus::Outgoing& outgoing : messages)
            pending_.push_back({next_++, outgoing.partition, *outgoing.message.header("ce_id")});
        return first;
    }
    std::vector<bus::Report> collect(SteadyTime deadline) override {
        std::vector<bus::Report> reports;
        if ((silent || pending_.empty()) && deadline > clock_.steady_now())
            clock_.advance(std::chrono::ceil<std::chrono::microseconds>(deadline - clock_.steady_now()));
        for (std::size_t left = silent ? 0 : 1 + random_.below(10); left > 0 && !pending_.empty(); --left) {
            const Pending sent = pending_.front();
            pending_.pop_front();
            if (random_.below(100) < faults_percent) broken_.insert(sent.partition);
            const bool fails = broken_.contains(sent.partition);
            const bool arrives =
                !fails || (arrived_after_failure_.insert(sent.partition).second && random_.below(2) == 0);
            if (arrives) topic_[sent.partition].push_back(sent.id);
            reports.push_back({sent.number, fails ? bus::Fate::failed : bus::Fate::delivered, fails ? "broken" : ""});
        }
        std::erase_if(broken_, [&](int partition) {
            const bool over = std::ranges::find(pending_, partition, &Pending::partition) == pending_.end();
            if (over) arrived_after_failure_.erase(partition);
            return over;
        });
        return reports;
    }
    std::string obstacle(int) const override { return ""; }
    std::size_t message_bytes_max() const override { return 10'000; }

    unsigned faults_percent = 0;
    bool silent = false;

private:
    struct Pending {
        std::uint64_t number;
        int partition;
        std::string id;
    };
    Topic& topic_;
    Random& random_;
    ManualClock& clock_;
    std::uint64_t next_ = 7;
    std::deque<Pending> pending_;
    std::set<int> broken_, arrived_after_failure_;
};

class TopicPublishers : public testing::Test {
protected:
    struct Process {
        Process(TopicPublishers& test, const std::string& name, TopicStart start = TopicStart::start)
            : producer(test.topic_, test.random_, test.clock_),
              publisher(name, start, test.store_, producer, test.context_) {}
        void rounds(TopicPublishers& test, int count) {
            for (; count > 0; --count) {
                EXPECT_TRUE(publisher.step());
                test.clock_.advance(milliseconds(300));
            }
        }
        FaultyProducer producer;
        TopicPublisher publisher;
    };

    // The first time each arrives, in the order of the lane, and none is missing.
    void expect_complete() const {
        for (const auto& [lane, outcomes] : store_.decided) {
            std::vector<std::string> wanted, first;
            std::set<std::string> seen;
            for (const auto& outcome : outcomes) wanted.push_back(outcome->id);
            if (const auto arrived = topic_.find(lane); arrived != topic_.end())
                for (const std::string& id : arrived->second)
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
    Topic topic_;
};

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
        process.producer.faults_percent = percent;
        for (int i = 0; i < 60; ++i) {
            store_.decide(i % kLanes, static_cast<int>(1 + random_.below(8)));
            process.rounds(*this, 1);
        }
        process.producer.faults_percent = 0;
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
            process->producer.faults_percent = random_.below(10) == 0 ? 20 : 0;
            if (random_.below(3) > 0) process->rounds(*this, 1);
            if (random_.below(40) == 0) process = std::make_unique<Process>(*this, name);
            if (random_.below(10) == 0) store_.give(static_cast<int>(random_.below(kLanes)), name);
        }
        store_.away = random_.below(15) == 0;
    }
    store_.away = false;
    for (auto& [name, process] : processes) process->producer.faults_percent = 0;
    for (int i = 0; i < 300; ++i)
        for (auto& [name, process] : processes) process->rounds(*this, 1);
    expect_complete();
}

TEST_F(TopicPublishers, BeginsWhereItIsToldTo) {
    store_.decide(0, 5);
    store_.give_all_to("a");
    Process process(*this, "a", TopicStart::latest);
    process.rounds(*this, 10);
    EXPECT_THAT(topic_[0], IsEmpty());
    store_.decide(0, 1);
    store_.decide(1, 1);
    process.rounds(*this, 10);
    EXPECT_THAT(topic_[0], ElementsAre("0:6"));
    EXPECT_THAT(topic_[1], ElementsAre("1:1"));
    // Only the first time: from then on there is a place.
    process.publisher.release();
    store_.decide(0, 1);
    Process next(*this, "a", TopicStart::latest);
    next.rounds(*this, 10);
    EXPECT_THAT(topic_[0], ElementsAre("0:6", "0:7"));
}

TEST_F(TopicPublishers, WhatIsTooLargeStopsItsLaneAlone) {
    Process process(*this, "a");
    store_.give_all_to("a");
    store_.decide(0, 1);
    store_.decide(0, 1, 20'000);
    store_.decide(0, 1);
    store_.decide(1, 3);
    process.rounds(*this, 30);
    EXPECT_THAT(topic_[0], ElementsAre("0:1"));
    EXPECT_THAT(topic_[1], ElementsAre("1:1", "1:2", "1:3"));
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
    EXPECT_EQ(topic_[0].size(), 10u);
}

}  // namespace
}  // namespace ledgerline::feed
