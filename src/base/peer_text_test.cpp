#include "base/peer_text.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

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
