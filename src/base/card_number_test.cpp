#include "base/card_number.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

TEST(CardNumber, IsFoundHoweverItIsWritten) {
    // Numbers that the networks publish for tests.
    for (const char* text : {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005",
                             "card: 5555555555554444.", "\"6011111111111117\"", "3530111333300000", "4222222222222",
                             "2223003122003222", "a4b 4111111111111111", "{\"n\": 4111111111111111}"})
        EXPECT_TRUE(holds_card_number(text)) << text;
}

TEST(CardNumber, OtherNumbersAreNotTakenForOne) {
    for (const char* text :
         {"", "4111", "4111111111111112", "1732700000000", "41111111111111111111", "x4111111111111111",
          "4111111111111111x", "4111  1111 1111 1111", "4111,1111,1111,1111", "0000000000000000",
          "018f3b5e-7a10-7c3d-9e4f-0123456789ab", "4111 1111 1111 111 -", "2000000000000000", "-", "4-"})
        EXPECT_FALSE(holds_card_number(text)) << text;
}

}  // namespace
}  // namespace ledgerline
