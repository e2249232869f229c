#include "base/base64.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

TEST(Base64, IsReadAsItIsWritten) {
    const std::string bytes("\xfb\xff\x00 a", 5);
    EXPECT_EQ(base64_of(bytes), "+/8AIGE=");
    EXPECT_EQ(base64url_of(bytes), "-_8AIGE");
    EXPECT_EQ(from_base64("+/8AIGE="), bytes);
    EXPECT_EQ(from_base64url("-_8AIGE"), bytes);
    EXPECT_EQ(base64_of(""), "");
    EXPECT_EQ(from_base64(""), "");
}

TEST(Base64, HasOneSpellingOfEachText) {
    EXPECT_EQ(from_base64("YQ"), std::nullopt);
    EXPECT_EQ(from_base64("YR=="), std::nullopt);
    EXPECT_EQ(from_base64("-_8AIGE="), std::nullopt);
    EXPECT_EQ(from_base64url("YQ=="), std::nullopt);
    EXPECT_EQ(from_base64url("+/8AIGE"), std::nullopt);
}

}  // namespace
}  // namespace ledgerline
