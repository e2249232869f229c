#include "feed/position.h"

#include <gtest/gtest.h>

#include <limits>

namespace ledgerline::feed {
namespace {

FeedPosition sample() {
    FeedPosition position;
    position.advance(0, {1, 0});
    position.advance(7, {123'456'789'012, 3});
    position.advance(47, {std::numeric_limits<std::int64_t>::max() / 2, std::numeric_limits<int>::max()});
    return position;
}

TEST(FeedPosition, GoesThroughItsCursor) {
    EXPECT_EQ(FeedPosition::parse(FeedPosition().cursor()), FeedPosition());
    EXPECT_EQ(FeedPosition::parse(sample().cursor()), sample());
    FeedPosition busy;
    for (int lane = 0; lane < lane_count; ++lane) busy.advance(lane, {1'000'000'000, 0});
    EXPECT_LT(busy.cursor().size(), 400u);
    EXPECT_EQ(busy.cursor().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
}

TEST(FeedPosition, NeverGoesBack) {
    FeedPosition position = sample();
    position.advance(7, {5, 9});
    EXPECT_EQ(position, sample());
    position.advance(7, {123'456'789'012, 4});
    EXPECT_EQ(position.at(7), (FeedPlace{123'456'789'012, 4}));
    position.advance(FeedPosition());
    EXPECT_EQ(position.at(0), (FeedPlace{1, 0}));
}

TEST(FeedPosition, WhatWasCutOrChangedIsNoCursor) {
    const std::string cursor = sample().cursor();
    for (std::size_t cut = 0; cut < cursor.size(); ++cut) {
        EXPECT_FALSE(FeedPosition::parse(cursor.substr(0, cut))) << cut;
        std::string other = cursor;
        other[cut] = other[cut] == 'A' ? 'B' : 'A';
        const auto parsed = FeedPosition::parse(other);
        EXPECT_TRUE(!parsed || *parsed == sample()) << cut;  // the last character has bits of no meaning
    }
    for (const char* text : {"", "latest", "====", "AQ", "\xff", "a b"})
        EXPECT_FALSE(FeedPosition::parse(text)) << text;
    EXPECT_FALSE(FeedPosition::parse(std::string(100'000, 'A')));
}

}  // namespace
}  // namespace ledgerline::feed
