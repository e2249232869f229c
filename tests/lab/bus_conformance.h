// What every implementation of the bus seams (bus/bus.h) must do. Include it in one source file of a test program and
// instantiate BusConformance there.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "lab/publishing.h"

namespace ledgerline::test {

// A bus of its own for one test, empty, with the given number of partitions.
class BusUnderTest {
public:
    virtual ~BusUnderTest() = default;
    virtual std::unique_ptr<bus::Producer> make_producer() = 0;
    virtual std::unique_ptr<bus::Consumer> make_consumer() = 0;
};

struct BusKind {
    std::string name;
    std::function<std::unique_ptr<BusUnderTest>(int partitions)> make;

    friend void PrintTo(const BusKind& kind, std::ostream* out) { *out << kind.name; }
};

// What one member has seen, poll by poll.
struct Member {
    std::unique_ptr<bus::Consumer> consumer;
    std::set<int> assigned = {};
    std::map<int, std::vector<bus::Incoming>> received = {};  // by partition
    std::set<int> ended = {};                                 // at the last poll

    void poll(std::size_t messages_max = 1000) {
        auto polled = consumer->poll(milliseconds(20), messages_max);
        ASSERT_TRUE(polled) << polled.error().message;
        ASSERT_LE(polled->messages.size(), messages_max);
        for (const int partition : polled->revoked)
            EXPECT_EQ(assigned.erase(partition), 1u) << "revoked, but never assigned: " << partition;
        for (const int partition : polled->assigned)
            EXPECT_TRUE(assigned.insert(partition).second) << "assigned twice: " << partition;
        for (const bus::Incoming& incoming : polled->messages) {
            EXPECT_TRUE(assigned.contains(incoming.partition)) << "message of a partition not assigned";
            received[incoming.partition].push_back(incoming);
        }
        ended = {polled->ended.begin(), polled->ended.end()};
    }

    std::vector<std::string> values(int partition) {
        std::vector<std::string> values;
        for (const bus::Incoming& incoming : received[partition]) values.push_back(incoming.message.value);
        return values;
    }

    void commit_all() {
        for (const auto& [partition, messages] : received)
            if (assigned.contains(partition)) consumer->commit(partition, messages.back().offset + 1);
    }
};

class BusConformance : public testing::TestWithParam<BusKind> {
protected:
    static constexpr int kPartitions = 5;
    static constexpr std::chrono::seconds kPatience{60};

    void SetUp() override {
        bus_ = GetParam().make(kPartitions);
        producer_ = bus_->make_producer();
        await_no_obstacle(*producer_, kPartitions, patience());
    }

    Member join() { return {bus_->make_consumer()}; }

    static SteadyTime patience() { return std::chrono::steady_clock::now() + kPatience; }
    static bus::Outgoing outgoing(int partition, const std::string& value) { return {partition, {"key", value, {}}}; }

    void publish(int partition, std::initializer_list<const char*> values) {
        std::vector<bus::Outgoing> batch;
        for (const char* value : values) batch.push_back(outgoing(partition, value));
        ASSERT_EQ(test::publish(*producer_, batch, patience()), all_delivered(values.size()));
    }

    // Polls the members in turn until done() holds.
    static void poll_until(std::initializer_list<Member*> members, const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the bus never came to the expected state";
            for (Member* member : members) ASSERT_NO_FATAL_FAILURE(member->poll());
        }
    }

    // Until the members hold every partition between them, and have been told that nothing is left in any.
    static void drain(std::initializer_list<Member*> members) {
        for (Member* member : members) member->ended.clear();
        poll_until(members, [&] {
            std::size_t ended = 0;
            for (const Member* member : members)
                if (member->ended == member->assigned) ended += member->ended.size();
            return ended == kPartitions;
        });
    }

    std::unique_ptr<BusUnderTest> bus_;
    std::unique_ptr<bus::Producer> producer_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BusConformance);

TEST_P(BusConformance, DeliversAPartitionInTheOrderOfPublishing) {
    Member member = join();
    publish(1, {"a", "b"});
    publish(2, {"x"});
    publish(1, {"c"});
    drain({&member});
    EXPECT_THAT(member.values(1), testing::ElementsAre("a", "b", "c"));
    EXPECT_THAT(member.values(2), testing::ElementsAre("x"));
    EXPECT_LT(member.received[1][0].offset, member.received[1][1].offset);
    EXPECT_LT(member.received[1][1].offset, member.received[1][2].offset);
}

TEST_P(BusConformance, DeliversKeyValueAndHeadersUnchanged) {
    const Message sent{"account", std::string("\x00\xff{}", 4), {{"a", "1"}, {"b", ""}, {"a", "2"}}};
    const std::vector<bus::Outgoing> batch{{0, sent}, {0, Message{}}};
    ASSERT_EQ(test::publish(*producer_, batch, patience()), all_delivered(2));
    Member member = join();
    drain({&member});
    ASSERT_EQ(member.received[0].size(), 2u);
    const Message& received = member.received[0][0].message;
    EXPECT_EQ(received.key, sent.key);
    EXPECT_EQ(received.value, sent.value);
    EXPECT_EQ(received.headers, sent.headers);
    EXPECT_EQ(member.received[0][1].message.value, "");
}

TEST_P(BusConformance, RefusesAPartitionThatIsMissingAndTakesTheOthers) {
    const std::vector<bus::Outgoing> batch{outgoing(0, "a"), outgoing(kPartitions + 100, "b"), outgoing(1, "c")};
    EXPECT_THAT(test::publish(*producer_, batch, patience()),
                testing::ElementsAre(bus::Fate::delivered, bus::Fate::failed, bus::Fate::delivered));
}

TEST_P(BusConformance, RefusesWhatIsTooLargeAndFailsWhatStandsBehindItInItsPartition) {
    const bus::Outgoing large{1, {"key", std::string(producer_->message_bytes_max() + 1, 'x'), {}}};
    const std::vector<bus::Outgoing> batch{outgoing(1, "before"), large, outgoing(1, "behind"),
                                           outgoing(2, "elsewhere")};
    EXPECT_THAT(
        test::publish(*producer_, batch, patience()),
        testing::ElementsAre(bus::Fate::delivered, bus::Fate::refused, bus::Fate::failed, bus::Fate::delivered));
    publish(1, {"next"});
    Member member = join();
    drain({&member});
    EXPECT_THAT(member.values(1), testing::ElementsAre("before", "next"));
}

TEST_P(BusConformance, TakesAMessageOfTheLargestSizeThatItNames) {
    Message message{"key", "", {{"name", "value"}}};
    message.value.assign(producer_->message_bytes_max() - wire_bytes_max(message), 'x');
    ASSERT_GE(producer_->message_bytes_max(), event_wire_bytes_max);
    const std::vector<bus::Outgoing> batch{{0, message}};
    EXPECT_EQ(test::publish(*producer_, batch, patience()), all_delivered(1));
}

TEST_P(BusConformance, NumbersMessagesInTheOrderOfSendingAndReportsEachOnce) {
    const std::vector<bus::Outgoing> two{outgoing(0, "a"), outgoing(1, "b")}, one{outgoing(0, "c")};
    const std::uint64_t first = producer_->send(two);
    ASSERT_EQ(producer_->send(one), first + 2);
    std::map<std::uint64_t, int> reports;
    const SteadyTime deadline = patience();
    while (reports.size() < 3 && std::chrono::steady_clock::now() < deadline)
        for (const bus::Report& report : producer_->collect(deadline)) {
            EXPECT_EQ(report.fate, bus::Fate::delivered) << report.reason;
            ++reports[report.number];
        }
    EXPECT_THAT(reports, testing::ElementsAre(testing::Pair(first, 1), testing::Pair(first + 1, 1),
                                              testing::Pair(first + 2, 1)));
    EXPECT_TRUE(producer_->collect(deadline).empty()) << "nothing is outstanding, so it does not wait";
}

TEST_P(BusConformance, ReportsEveryPartitionEndedWhenAllAreEmptyAtEachPoll) {
    Member member = join();
    drain({&member});
    for (int i = 0; i < 3; ++i) {
        member.poll();
        EXPECT_EQ(member.ended, member.assigned);
        EXPECT_EQ(member.ended.size(), kPartitions);
    }
}

TEST_P(BusConformance, ReportsEndedOnlyWhenEverythingPublishedBeforeWasHandedOut) {
    Member member = join();
    drain({&member});
    publish(0, {"a", "b", "c", "d", "e"});
    publish(3, {"f", "g"});
    const auto received = [&] { return member.received[0].size() + member.received[3].size(); };
    while (received() < 7) {
        ASSERT_NO_FATAL_FAILURE(member.poll(1));
        EXPECT_TRUE(!member.ended.contains(0) || member.received[0].size() == 5);
        EXPECT_TRUE(!member.ended.contains(3) || member.received[3].size() == 2);
    }
}

TEST_P(BusConformance, WhatIsPublishedBeforeAPollIsNeverReportedAsEndedUnseen) {
    Member member = join();
    drain({&member});
    for (std::size_t i = 1; i <= 20; ++i) {
        publish(2, {"a"});
        member.ended.clear();
        poll_until({&member}, [&] { return member.ended.contains(2); });
        ASSERT_EQ(member.received[2].size(), i);
    }
}

TEST_P(BusConformance, DoesNotLetABusyPartitionStarveTheOthers) {
    Member member = join();
    drain({&member});
    for (int i = 0; i < 50; ++i) publish(0, {"busy"});
    publish(4, {"quiet"});
    // Fewer polls than there are busy messages before the quiet one, which may still be on its way to the member when
    // the first ones begin.
    for (int polls = 0; polls < 40 && member.received[4].empty(); ++polls) {
        publish(0, {"busy"});
        member.poll(1);
    }
    EXPECT_EQ(member.received[4].size(), 1u);
}

TEST_P(BusConformance, GivesEachPartitionToOneMember) {
    Member first = join(), second = join();
    poll_until({&first, &second}, [&] {
        return first.assigned.size() + second.assigned.size() == kPartitions && !first.assigned.empty() &&
               !second.assigned.empty();
    });
    std::set<int> all = first.assigned;
    all.insert(second.assigned.begin(), second.assigned.end());
    EXPECT_EQ(all.size(), kPartitions);
}

TEST_P(BusConformance, ANewMemberTakesPartitionsOverAndTheOldOneIsTold) {
    Member first = join();
    drain({&first});
    ASSERT_EQ(first.assigned.size(), kPartitions);
    Member second = join();
    poll_until({&first, &second}, [&] { return first.assigned.size() < kPartitions; });
    drain({&first, &second});
    EXPECT_EQ(first.assigned.size() + second.assigned.size(), kPartitions);
}

TEST_P(BusConformance, RedeliversToTheNextMemberWhatWasNotCommitted) {
    publish(0, {"a", "b", "c"});
    {
        Member leaving = join();
        drain({&leaving});
        ASSERT_EQ(leaving.values(0).size(), 3u);
        leaving.consumer->commit(0, leaving.received[0][1].offset);
    }
    Member next = join();
    drain({&next});
    EXPECT_THAT(next.values(0), testing::ElementsAre("b", "c"));
}

TEST_P(BusConformance, DeliversCommittedMessagesToNobodyAgain) {
    publish(0, {"a", "b"});
    publish(1, {"c"});
    {
        Member leaving = join();
        drain({&leaving});
        leaving.commit_all();
    }
    publish(1, {"d"});
    Member next = join();
    drain({&next});
    EXPECT_TRUE(next.values(0).empty());
    EXPECT_THAT(next.values(1), testing::ElementsAre("d"));
}

TEST_P(BusConformance, KeepsWhatIsPublishedWhileNobodyListens) {
    {
        Member leaving = join();
    }
    publish(2, {"a"});
    Member member = join();
    drain({&member});
    EXPECT_THAT(member.values(2), testing::ElementsAre("a"));
}

}  // namespace ledgerline::test
