#include "base/uuid.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

TEST(Uuid, ParsesTheCanonicalFormOnly) {
    const auto id = Uuid::parse("0190A6E2-7b1c-7def-8abc-0123456789aB");
    ASSERT_TRUE(id);
    EXPECT_EQ(id->to_string(), "0190a6e2-7b1c-7def-8abc-0123456789ab");
    for (const char* text : {"", "0190a6e27b1c7def8abc0123456789ab", "{190a6e2-7b1c-7def-8abc-0123456789ab}",
                             "0190a6e2-7b1c-7def-8abc-0123456789a", "0190a6e2-7b1c-7def-8abc-0123456789abc",
                             "0190a6e2-7b1c-7def-8abc-0123456789ag", "0190a6e2_7b1c-7def-8abc-0123456789ab"})
        EXPECT_FALSE(Uuid::parse(text)) << text;
}

TEST(UuidGenerator, MakesVersion7ThatAscendsEvenWhenTheClockDoesNot) {
    ManualClock clock;
    SeededRandom random(1);
    UuidGenerator ids(clock, random);
    Uuid last = ids.next();
    EXPECT_EQ(last.bytes[6] >> 4, 7);
    EXPECT_EQ(last.bytes[8] >> 6, 2);
    for (int i = 0; i < 10000; ++i) {
        if (i % 100 == 0) clock.advance(std::chrono::milliseconds(i % 300 == 0 ? -5 : 1));
        const Uuid next = ids.next();
        ASSERT_LT(last, next);
        last = next;
    }
}

TEST(UuidGenerator, CarriesTheTime) {
    ManualClock clock(WallTime(std::chrono::milliseconds(0x0190a6e27b1c)));
    SeededRandom random(1);
    EXPECT_EQ(UuidGenerator(clock, random).next().to_string().substr(0, 13), "0190a6e2-7b1c");
}

}  // namespace
}  // namespace ledgerline
