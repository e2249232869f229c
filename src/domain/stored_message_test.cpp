#include "domain/stored_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace ledgerline {
namespace {

using testing::HasSubstr;

TEST(StoredMessage, KeepsWhatItCan) {
    const StoredMessage stored({"key", "{\"a\":1}", {{"lane", "1"}, {"lane", "2"}}}, "why", false);
    EXPECT_EQ(stored.key, "key");
    EXPECT_EQ(stored.payload, "{\"a\":1}");
    EXPECT_EQ(stored.encoding, "utf8");
    EXPECT_EQ(stored.headers, R"([["lane","1"],["lane","2"]])");
    EXPECT_EQ(stored.error_message, "why");
    EXPECT_EQ(stored.value_sha256.size(), 32u);
}

TEST(StoredMessage, KeepsBytesThatAreNoTextAsBase64) {
    for (const std::string& bytes : {std::string("\0", 1), std::string("\xff"), std::string("\xed\xa0\x80")}) {
        const StoredMessage stored({"", bytes, {{"a", bytes}}}, "", false);
        EXPECT_EQ(stored.encoding, "base64");
        EXPECT_THAT(stored.headers, HasSubstr("\"base64\"]"));
        EXPECT_TRUE(json::parse(stored.headers));
    }
}

TEST(StoredMessage, CutsWhatIsTooLargeBetweenCodePointsAndSaysSo) {
    Message large{std::string(40'000, 'k'), std::string(StoredMessage::value_bytes_max - 1, 'v') + "\u20ac!", {}};
    for (int i = 0; i < 100; ++i) large.headers.emplace_back("n", std::string(1000, 'h'));
    const StoredMessage stored(large, "why", false);
    EXPECT_EQ(stored.payload, std::string(StoredMessage::value_bytes_max - 1, 'v'));
    EXPECT_EQ(stored.encoding, "utf8");
    EXPECT_EQ(stored.key.size(), StoredMessage::key_bytes_max);
    EXPECT_EQ(json::parse(stored.headers)->if_array()->size(), 65u);
    EXPECT_THAT(stored.error_message, HasSubstr("why [not kept: 4 of the value's 1048579 bytes (sha256 of all "));
    EXPECT_THAT(stored.error_message, HasSubstr("), 35 of 100 headers, 7232 of the key's bytes]"));
    EXPECT_EQ(stored.value_sha256, StoredMessage(large, "", true).value_sha256) << "of the whole value";
}

TEST(StoredMessage, HoldsNothingThatTheDatabaseMightRefuseWhenBare) {
    const StoredMessage stored({"key", "value", {{"a", "b"}}}, std::string("bad \xff\0", 6), true);
    EXPECT_EQ(stored.payload, "");
    EXPECT_EQ(stored.headers, "[]");
    EXPECT_THAT(stored.error_message, HasSubstr("bad ?? [not kept: 5 of the value's 5 bytes (sha256 of all cd42404d"));
    EXPECT_THAT(stored.error_message, HasSubstr("1 of 1 headers]"));
}

TEST(StoredMessage, CutsALongReason) {
    EXPECT_EQ(StoredMessage({"", "", {}}, std::string(5000, 'e'), false).error_message.size(),
              StoredMessage::error_bytes_max);
}

}  // namespace
}  // namespace ledgerline
