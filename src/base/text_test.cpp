#include "base/text.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace ledgerline {
namespace {

TEST(ParseInteger, TakesTheWholeTextOrNothing) {
    EXPECT_EQ(parse_integer<std::int64_t>("-9223372036854775808"), INT64_MIN);
    EXPECT_EQ(parse_integer<unsigned>("0042"), 42u);
    for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "9223372036854775808", "٣"})
        EXPECT_EQ(parse_integer<std::int64_t>(text), std::nullopt) << text;
    EXPECT_EQ(parse_integer<unsigned>("-1"), std::nullopt);
    EXPECT_EQ(parse_port("0"), std::nullopt);
    EXPECT_EQ(parse_port("65535"), 65535);
    EXPECT_EQ(parse_port("65536"), std::nullopt);
}

TEST(Printable, LeavesTextAlone) {
    for (const char* text : {"", "plain", "Šárka 北京 😀", "a\\b", "zero-width\u200djoiner", "\u00a0"})
        EXPECT_EQ(printable(text), text);
}

TEST(Printable, EscapesWhatDrivesATerminal) {
    EXPECT_EQ(printable("a\x1b[2Jb"), "a\\u001b[2Jb");
    EXPECT_EQ(printable("\r\n\t\a\x7f"), "\\r\\n\\t\\u0007\\u007f");
    EXPECT_EQ(printable(std::string_view("\0", 1)), "\\u0000");
    EXPECT_EQ(printable("\u0080\u009b31m\u009f"), "\\u0080\\u009b31m\\u009f") << "C1, in two bytes";
    EXPECT_EQ(printable("\x9b"
                        "31m"),
              "\\x9b31m")
        << "C1, in one byte";
    EXPECT_EQ(printable("\xed\xa0\x80\xc3("), "\\xed\\xa0\\x80\\xc3(") << "no UTF-8";
}

TEST(Printable, EscapesWhatReordersText) {
    EXPECT_EQ(printable("\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069"),
              "\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069");
}

TEST(Printable, JsonStaysTheSameJson) {
    const json::Value value =
        json::Object{{"a\u009b", "\x1b[2J\u202e\x7f 北京"}, {"n", json::Array{json::Value(1), json::Value()}}};
    const std::string shown = printable_json(json::serialize(value));
    EXPECT_EQ(shown, "{\"a\\u009b\":\"\\u001b[2J\\u202e\\u007f 北京\",\"n\":[1,null]}");
    EXPECT_TRUE(json::equivalent(*json::parse(shown), value));
    EXPECT_TRUE(json::parse(printable_json("\"\xff\"")));
}

TEST(PeerText, IsEmptyForWhatIsAbsent) { EXPECT_EQ(peer_text(static_cast<const char*>(nullptr)), ""); }

TEST(PeerText, IsOneLine) { EXPECT_EQ(peer_text(" a\nb\tc\x01\x7f \n"), "a b c"); }

TEST(PeerText, KeepsUtf8AndReplacesWhatIsNone) {
    EXPECT_EQ(peer_text("größer als 1 € 😀"), "größer als 1 € 😀");
    EXPECT_EQ(peer_text("a\xff"
                        "b\xc3"),
              "a?b?");
    for (const char* wrong : {"\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80"})
        EXPECT_EQ(peer_text(wrong).find_first_not_of('?'), std::string::npos) << wrong;
    EXPECT_EQ(peer_text(std::string_view("a\0b", 3)), "a b");
}

TEST(PeerText, IsBoundedAndCutsNoCharacter) {
    EXPECT_EQ(peer_text("abcdef", 3), "abc...");
    EXPECT_EQ(peer_text("ab€", 4), "ab...");
    EXPECT_EQ(peer_text("abc", 3), "abc");
    EXPECT_LE(peer_text(std::string(1'000'000, 'x')).size(), peer_text_bytes_max + 3);
}

}  // namespace
}  // namespace ledgerline
