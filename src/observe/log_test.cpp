#include "observe/log.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

// C libraries use null for an absent value.
TEST(Log, AFieldOfACStringThatIsAbsentIsNull) {
    EXPECT_TRUE(log::Field("reason", static_cast<const char*>(nullptr)).value.is_null());
    const log::Field there("reason", "gone");
    ASSERT_TRUE(there.value.if_string());
    EXPECT_EQ(*there.value.if_string(), "gone");
}

}  // namespace
}  // namespace ledgerline
