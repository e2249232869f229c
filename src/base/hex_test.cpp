#include "base/hex.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

TEST(Hex, HasTwoDigitsAByteInLowerCase) {
    constexpr unsigned char kBytes[] = {0x00, 0x0a, 0x7f, 0x80, 0xff};
    EXPECT_EQ(hex_of(kBytes), "000a7f80ff");
    EXPECT_EQ(hex_of(std::span<const unsigned char>()), "");
}

}  // namespace
}  // namespace ledgerline
