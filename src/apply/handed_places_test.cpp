#include "apply/handed_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ledgerline::apply {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Uuid id_of(std::int64_t number) {
    Uuid id{};
    id.bytes.back() = static_cast<std::uint8_t>(number);
    return id;
}

Event event(int lane, std::int64_t seq, std::int64_t number) {
    Event event;
    event.lane = lane;
    event.seq = seq;
    event.event_id = id_of(number);
    event.net_cents = number;
    event.metadata = "{}";
    return event;
}

class HandedPlacesTest : public testing::Test {
protected:
    void hand(std::initializer_list<Event> events) { places_.hand(std::span(events.begin(), events.size())); }
    std::vector<std::int64_t> take(int lane, std::initializer_list<EventRef> refs) {
        std::vector<std::int64_t> nets;
        for (const Event& event : places_.take(lane, std::span(refs.begin(), refs.size())))
            nets.push_back(event.net_cents);
        return nets;
    }

    HandedPlaces places_;
};

TEST_F(HandedPlacesTest, GivesWhatIsNamedOnceAndForgetsWhatIsBefore) {
    hand({event(1, 5, 50), event(1, 6, 60), event(2, 9, 90), event(1, 7, 70), event(1, 8, 80)});
    EXPECT_THAT(take(1, {{6, id_of(60)}, {7, id_of(70)}}), ElementsAre(60, 70));
    EXPECT_THAT(take(1, {{6, id_of(60)}}), IsEmpty());
    EXPECT_THAT(take(1, {{5, id_of(50)}}), IsEmpty());
    EXPECT_THAT(take(1, {{8, id_of(80)}}), ElementsAre(80));
    EXPECT_THAT(take(2, {{9, id_of(90)}}), ElementsAre(90));
    EXPECT_THAT(take(3, {{1, id_of(10)}}), IsEmpty());
}

TEST_F(HandedPlacesTest, GivesAllThatIsNamedOrNothing) {
    hand({event(1, 2, 20), event(1, 3, 30), event(1, 5, 50)});
    EXPECT_THAT(take(1, {{1, id_of(10)}, {2, id_of(20)}}), IsEmpty());
    EXPECT_THAT(take(1, {{3, id_of(31)}}), IsEmpty()) << "another event";
    hand({event(1, 6, 60)});
    EXPECT_THAT(take(1, {{4, id_of(40)}, {5, id_of(50)}}), IsEmpty()) << "a hole";
    EXPECT_THAT(take(1, {{6, id_of(60)}, {7, id_of(70)}}), IsEmpty());
}

TEST_F(HandedPlacesTest, WhatComesLastIsTrue) {
    hand({event(1, 2, 20), event(1, 3, 30), event(1, 4, 40)});
    hand({event(1, 3, 31)});
    EXPECT_THAT(take(1, {{2, id_of(20)}, {3, id_of(31)}}), ElementsAre(20, 31));
    EXPECT_THAT(take(1, {{4, id_of(40)}}), IsEmpty());
}

TEST_F(HandedPlacesTest, TheOldestOfALaneMakeRoom) {
    constexpr auto kMax = static_cast<std::int64_t>(HandedPlaces::kept_max);
    for (std::int64_t seq = 1; seq <= kMax + 1; ++seq) hand({event(1, seq, 7)});
    EXPECT_THAT(take(1, {{1, id_of(7)}}), IsEmpty());
    EXPECT_THAT(take(1, {{2, id_of(7)}}), ElementsAre(7));
}

}  // namespace
}  // namespace ledgerline::apply
