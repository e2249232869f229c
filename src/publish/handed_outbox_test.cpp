#include "publish/handed_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "lab/memory_database.h"

namespace ledgerline::publish {
namespace {

using test::MemoryDatabase;
using testing::ElementsAre;
using testing::IsEmpty;

// Counts what it is asked, and fails when told to.
class CountingStore final : public OutboxStore {
public:
    explicit CountingStore(std::unique_ptr<OutboxStore> store) : store_(std::move(store)) {}

    Result<std::vector<Event>> read(std::span<const Lease> leases, std::size_t events_max) override {
        asked.clear();
        for (const Lease& lease : leases) asked.push_back(lease.lane);
        if (down) return std::unexpected(Error{Disposition::retry, "08006", "away"});
        return store_->read(leases, events_max);
    }
    Result<std::vector<Lease>> renew(const std::string& owner, milliseconds term) override {
        return store_->renew(owner, term);
    }
    Result<void> expire_others(const std::string& owner) override { return store_->expire_others(owner); }
    Result<void> release(const std::string& owner) override { return store_->release(owner); }
    Result<std::vector<bool>> advance(const std::string& owner, std::span<const Advance> advances) override {
        return store_->advance(owner, advances);
    }
    Result<void> record_failure(const Lease& lease, const std::string& owner, const std::string& error) override {
        return store_->record_failure(lease, owner, error);
    }
    Result<bool> halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) override {
        return store_->halt(lease, owner, halt);
    }
    Result<void> clear_halts(std::span<const int> lanes) override { return store_->clear_halts(lanes); }
    Result<Backlog> backlog() override {
        if (down) return std::unexpected(Error{Disposition::retry, "08006", "away"});
        return store_->backlog();
    }

    std::vector<int> asked;  // by the last read
    bool down = false;

private:
    std::unique_ptr<OutboxStore> store_;
};

class HandedOutboxTest : public testing::Test {
protected:
    static constexpr int kLanes = 3;

    void SetUp() override {
        ASSERT_TRUE(outbox_.renew("me", milliseconds(60'000)));
        EXPECT_THAT(read(), IsEmpty());
        EXPECT_THAT(std::exchange(database_asked(), {}), ElementsAre(0, 1, 2)) << "nothing is known at the start";
    }

    // Stores the next event of a lane.
    Event store(int lane) {
        Event event;
        event.event_id = ids_.next();
        event.transaction_id = ids_.next();
        event.account_id = ids_.next();
        event.lane = lane;
        event.seq = ++last_seqs_[lane];
        event.currency = "EUR";
        event.amount_cents = event.net_cents = 1;
        event.idempotency_key = event.event_id.to_string();
        database_.insert(event);
        return event;
    }

    using Places = std::vector<std::pair<int, std::int64_t>>;

    // From the cursors; those of lanes that are read move to what was found.
    Places read(std::size_t events_max = 10) {
        std::vector<Lease> leases;
        for (int lane = 0; lane < kLanes; ++lane) leases.push_back({lane, 1, cursors_[lane]});
        database_asked().clear();
        const auto events = outbox_.read(leases, events_max);
        EXPECT_TRUE(events);
        Places places;
        for (const Event& event : events.value_or(std::vector<Event>{})) {
            places.emplace_back(event.lane, event.seq);
            cursors_[event.lane] = event.seq;
        }
        return places;
    }
    std::vector<int>& database_asked() { return counting_->asked; }

    ManualClock clock_;
    SeededRandom random_{1};
    UuidGenerator ids_{clock_, random_};
    MemoryDatabase database_{clock_, kLanes};
    CountingStore* counting_ = new CountingStore(database_.make_outbox_store());
    HandedOutbox outbox_{std::unique_ptr<OutboxStore>(counting_), clock_};
    std::map<int, std::int64_t> cursors_, last_seqs_;
};

TEST_F(HandedOutboxTest, WhatContinuesALaneIsNotReadFromTheDatabase) {
    outbox_.hand({store(0), store(0), store(2)});
    EXPECT_EQ(read(), (Places{{0, 1}, {0, 2}, {2, 1}}));
    outbox_.hand({store(2)});
    EXPECT_EQ(read(), (Places{{2, 2}}));
    EXPECT_THAT(database_asked(), IsEmpty());
}

TEST_F(HandedOutboxTest, WhatThePublisherDidNotSendIsThereAgain) {
    outbox_.hand({store(0), store(0), store(0)});
    EXPECT_EQ(read(2), (Places{{0, 1}, {0, 2}}));
    cursors_[0] = 1;
    outbox_.hand({store(1)});
    EXPECT_EQ(read(), (Places{{0, 2}, {0, 3}, {1, 1}}));
    EXPECT_THAT(database_asked(), IsEmpty());
}

TEST_F(HandedOutboxTest, WhatNobodyHandedOverIsFoundInTime) {
    outbox_.hand({store(0)});
    store(1);
    EXPECT_EQ(read(), (Places{{0, 1}}));
    outbox_.hand({store(0)});
    clock_.advance(HandedOutbox::look_interval);
    outbox_.hand({store(0)});
    EXPECT_EQ(read(), (Places{{0, 2}, {0, 3}, {1, 1}}));
    EXPECT_THAT(database_asked(), ElementsAre(1, 2));
}

TEST_F(HandedOutboxTest, TheDatabaseIsAskedAtOnceWhileNothingIsHandedOver) {
    outbox_.hand({store(0)});
    EXPECT_EQ(read(), (Places{{0, 1}}));
    clock_.advance(HandedOutbox::look_interval);
    EXPECT_THAT(read(), IsEmpty());
    store(1);
    EXPECT_EQ(read(), (Places{{1, 1}}));
}

TEST_F(HandedOutboxTest, AMissingEventIsReadFromTheDatabase) {
    store(0);
    outbox_.hand({store(0), store(1)});
    EXPECT_EQ(read(), (Places{{0, 1}, {0, 2}, {1, 1}}));
    EXPECT_THAT(database_asked(), ElementsAre(0));
    outbox_.hand({store(0)});
    EXPECT_EQ(read(), (Places{{0, 3}}));
}

TEST_F(HandedOutboxTest, ALaneThatWasRewoundIsReadAgain) {
    outbox_.hand({store(0), store(0)});
    read();
    outbox_.hand({store(1)});
    read();
    cursors_[0] = 0;
    outbox_.hand({store(2)});
    EXPECT_EQ(read(), (Places{{0, 1}, {0, 2}, {2, 1}}));
}

TEST_F(HandedOutboxTest, WhatExceedsTheLimitIsReadFromTheDatabase) {
    std::vector<Event> many;
    for (std::size_t i = 0; i < HandedOutbox::kept_events_max; ++i) many.push_back(store(0));
    many.push_back(store(1));
    outbox_.hand(std::move(many));
    EXPECT_EQ(read(1), (Places{{0, 1}, {1, 1}}));
    EXPECT_THAT(database_asked(), ElementsAre(1));
}

TEST_F(HandedOutboxTest, AFailureOfTheDatabaseDropsWhatWasHandedOver) {
    outbox_.hand({store(0)});
    clock_.advance(HandedOutbox::look_interval);
    counting_->down = true;
    EXPECT_FALSE(outbox_.read(std::vector<Lease>{{0, 1, 0}, {1, 1, 0}}, 10));
    counting_->down = false;
    EXPECT_EQ(read(), (Places{{0, 1}}));
    EXPECT_THAT(database_asked(), ElementsAre(0, 1, 2));
}

// The next one may be to a server that never had it.
TEST_F(HandedOutboxTest, ASessionThatIsLostInAnotherCallDropsWhatWasHandedOver) {
    Event lost = store(0);
    outbox_.hand({lost});
    counting_->down = true;
    EXPECT_FALSE(outbox_.backlog());
    counting_->down = false;
    database_.tables.lanes.at(0) = {};
    ASSERT_TRUE(outbox_.renew("me", milliseconds(60'000)));
    EXPECT_THAT(read(), IsEmpty());
}

TEST_F(HandedOutboxTest, APlaceThatIsGivenAgainHoldsTheLaterEvent) {
    Event lost = store(0);
    outbox_.hand({lost, store(0)});
    lost.event_id = ids_.next();
    outbox_.hand({lost});
    const auto events = outbox_.read(std::vector<Lease>{{0, 1, 0}}, 10);
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 1u);
    EXPECT_EQ(events->front().event_id, lost.event_id);
}

TEST_F(HandedOutboxTest, EventsOfLanesThatAreNotHeldAreNotKept) {
    ASSERT_TRUE(outbox_.release("me"));
    outbox_.hand({store(0)});
    EXPECT_EQ(read(), (Places{{0, 1}}));
    EXPECT_THAT(database_asked(), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace ledgerline::publish
