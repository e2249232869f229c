#include "apply/agenda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace ledgerline::apply {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Uuid event(int number) {
    Uuid id;
    id.bytes[14] = static_cast<std::uint8_t>(number / 256);
    id.bytes[15] = static_cast<std::uint8_t>(number % 256);
    return id;
}
int number_of(const Uuid& id) { return id.bytes[14] * 256 + id.bytes[15]; }

// Lanes of events, as numbers; an event's places are as many as there are of its number, plus those added as missing.
std::vector<Agenda::Place> places_of(const std::map<int, std::vector<int>>& lanes,
                                     const std::map<int, int>& missing = {}) {
    std::map<int, int> counts = missing;
    for (const auto& [lane, events] : lanes)
        for (const int each : events) ++counts[each];
    std::vector<Agenda::Place> places;
    for (const auto& [lane, events] : lanes) {
        std::int64_t seq = 0;
        for (const int each : events) places.push_back({lane, ++seq, event(each), counts[each]});
    }
    return places;
}

std::vector<int> order_of(Agenda& agenda, std::span<const Agenda::Place> places) {
    std::vector<int> order;
    for (auto rows = agenda.next(); !rows.empty(); rows = agenda.next())
        order.push_back(number_of(places[rows.front()].event_id));
    return order;
}

TEST(Agenda, FollowsEachLane) {
    const auto places = places_of({{0, {1, 2, 3}}, {1, {4, 5}}});
    Agenda agenda(places);
    EXPECT_THAT(order_of(agenda, places), ElementsAre(1, 4, 2, 5, 3));
    EXPECT_THAT(agenda.waiting(), IsEmpty());
}

TEST(Agenda, ATransferIsDecidedWhereItIsNextInAllItsLanes) {
    const auto places = places_of({{0, {1, 9}}, {1, {2, 3, 9}}});
    Agenda agenda(places);
    EXPECT_THAT(order_of(agenda, places), ElementsAre(1, 2, 3, 9));
}

TEST(Agenda, GivesAllPlacesOfATransactionAtOnceAlsoThoseInOneLane) {
    const auto places = places_of({{0, {9, 9, 1}}, {3, {9}}});
    Agenda agenda(places);
    EXPECT_THAT(agenda.next(), ElementsAre(0, 1, 3));
    EXPECT_THAT(agenda.next(), ElementsAre(2));
    EXPECT_THAT(agenda.next(), IsEmpty());
}

TEST(Agenda, WhatWaitsForALaneThatWasNotReadHoldsUpItsOwnLanesOnly) {
    const auto places = places_of({{0, {1, 9, 2}}, {1, {3, 4}}}, {{9, 1}});
    Agenda agenda(places);
    EXPECT_THAT(order_of(agenda, places), ElementsAre(1, 3, 4));
    EXPECT_THAT(agenda.waiting(), ElementsAre(1));
}

// Transactions of 1 to 4 places each, numbered in one order under locks on their lanes, read up to some seq of each
// lane: what is decided is what a search for heads finds, in an order that every lane agrees with.
TEST(Agenda, DecidesWhatCanBeDecidedInAnOrderOfEveryLane) {
    for (unsigned seed = 1; seed <= 500; ++seed) {
        std::mt19937 random(seed);
        const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
        std::map<int, std::vector<int>> lanes;
        std::map<int, int> counts;
        for (int each = 1; each <= 40; ++each) {
            counts[each] = 1 + below(4);
            for (int place = 0; place < counts[each]; ++place) lanes[below(6)].push_back(each);
        }
        std::map<int, int> missing;
        for (auto& [lane, events] : lanes)
            for (const std::size_t read = static_cast<std::size_t>(below(40)); events.size() > read; events.pop_back())
                ++missing[events.back()];
        const auto places = places_of(lanes, missing);

        // The places of one transaction in one lane are adjacent, so a head is a run of them.
        std::vector<int> expected;
        auto rest = lanes;
        for (bool found = true; found;) {
            found = false;
            std::map<int, int> heads;
            for (const auto& [lane, events] : rest)
                for (const int each : events) {
                    if (each != events.front()) break;
                    ++heads[each];
                }
            for (const auto& [each, count] : heads) {
                if (count != counts[each]) continue;
                for (auto& [lane, events] : rest) std::erase(events, each);
                expected.push_back(each);
                found = true;
            }
        }

        Agenda agenda(places);
        std::map<int, std::vector<int>> decided;  // by lane
        std::vector<int> order;
        for (auto rows = agenda.next(); !rows.empty(); rows = agenda.next()) {
            order.push_back(number_of(places[rows.front()].event_id));
            for (const std::size_t row : rows) decided[places[row].lane].push_back(number_of(places[row].event_id));
        }
        for (const auto& [lane, events] : decided)
            EXPECT_TRUE(std::ranges::equal(events, std::span(lanes[lane]).first(events.size()))) << "seed " << seed;
        std::ranges::sort(order);
        std::ranges::sort(expected);
        EXPECT_EQ(order, expected) << "seed " << seed;
        std::size_t left = 0;
        for (const auto& [lane, events] : rest) left += !events.empty();
        EXPECT_EQ(agenda.waiting().size(), left) << "seed " << seed;
    }
}

}  // namespace
}  // namespace ledgerline::apply
