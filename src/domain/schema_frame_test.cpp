#include "domain/schema_frame.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

using namespace std::string_literals;

TEST(SchemaFrame, IsAZeroByteAndTheIdWithItsHighestByteFirst) {
    EXPECT_EQ(with_schema_frame(0x01020384, "{}"), "\x00\x01\x02\x03\x84{}"s);
    EXPECT_EQ(with_schema_frame(7, ""), "\x00\x00\x00\x00\x07"s);
}

TEST(SchemaFrame, ComesOffAndOnlyOnce) {
    EXPECT_EQ(without_schema_frame(with_schema_frame(7, R"({"a":1})")), R"({"a":1})");
    EXPECT_EQ(without_schema_frame(with_schema_frame(7, "\0\0\0\0\1"s)), "\0\0\0\0\1"s);
    for (const std::string& bare : {""s, "{}"s, "\0\0\0\0"s, "text"s, "\x01\0\0\0\0\0"s}) {
        EXPECT_FALSE(has_schema_frame(bare));
        EXPECT_EQ(without_schema_frame(bare), bare);
    }
}

}  // namespace
}  // namespace ledgerline
