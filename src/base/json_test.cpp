#include "base/json.h"

#include <gtest/gtest.h>

namespace ledgerline::json {
namespace {

TEST(Json, KeepsNumbersAsWritten) {
    const auto value = parse(R"({"a":1,"b":1.0,"c":1e2,"d":12345678901234567890123.50,"e":-0})");
    ASSERT_TRUE(value);
    EXPECT_EQ(value->find("a")->if_int64(), 1);
    EXPECT_EQ(value->find("b")->if_int64(), std::nullopt);
    EXPECT_EQ(value->find("c")->if_int64(), std::nullopt);
    EXPECT_EQ(serialize(*value), R"({"a":1,"b":1.0,"c":1e2,"d":12345678901234567890123.50,"e":-0})");
}

TEST(Json, IntegersOutsideInt64AreNotIntegers) {
    EXPECT_EQ(parse("9223372036854775807")->if_int64(), 9223372036854775807);
    EXPECT_EQ(parse("9223372036854775808")->if_int64(), std::nullopt);
}

struct BadText {
    const char* text;
    const char* rule;
};

class JsonRefuses : public testing::TestWithParam<BadText> {};

TEST_P(JsonRefuses, WithTheRule) {
    const auto value = parse(GetParam().text);
    ASSERT_FALSE(value) << GetParam().text;
    EXPECT_EQ(value.error().code, "invalid_json");
    EXPECT_NE(value.error().message.find(GetParam().rule), std::string::npos) << value.error().message;
}

INSTANTIATE_TEST_SUITE_P(Texts, JsonRefuses,
                         testing::Values(BadText{R"({"a":1,"a":1})", "'a' occurs twice"},
                                         BadText{R"({"x":{"a":1,"b":2,"a":3}})", "'a' occurs twice"},
                                         BadText{R"({"a":1,"\u0061":1})", "'a' occurs twice"},
                                         BadText{R"(["a\u0000b"])", "U+0000"}, BadText{R"({"a\u0000":1})", "U+0000"},
                                         BadText{"[1e309]", "exponent"}, BadText{"[1e-309]", "exponent"},
                                         BadText{"[1e99999999999999999999]", "exponent"},
                                         BadText{"[\"\xff\"]", "at byte"}, BadText{"[\"\xc0\xaf\"]", "at byte"},
                                         BadText{R"(["\ud800"])", "at byte"}, BadText{"[1] x", "at byte"},
                                         BadText{"", "at byte"}, BadText{"[01]", "at byte"}, BadText{"[1,]", "at byte"},
                                         BadText{"[NaN]", "at byte"}, BadText{"[+1]", "at byte"},
                                         BadText{"['a']", "at byte"}, BadText{"[1/**/]", "at byte"},
                                         BadText{"\xef\xbb\xbf[]", "at byte"}, BadText{"[\"\n\"]", "at byte"}));

TEST(Json, LimitsDepthAndNumberSize) {
    EXPECT_TRUE(parse(std::string(32, '[') + std::string(32, ']')));
    EXPECT_FALSE(parse(std::string(33, '[') + std::string(33, ']')));
    EXPECT_TRUE(parse(std::string(64, '1')));
    EXPECT_FALSE(parse(std::string(65, '1')));
}

TEST(Json, EscapesWhatMustBe) {
    EXPECT_EQ(serialize(Value("a\"b\\c\n\t\x01\x1f\u00e9")), R"("a\"b\\c\n\t\u0001\u001fé")");
}

struct Pair {
    const char* a;
    const char* b;
    bool same;
};

class JsonEquivalence : public testing::TestWithParam<Pair> {};

TEST_P(JsonEquivalence, IsOfValuesNotOfText) {
    const auto a = parse(GetParam().a), b = parse(GetParam().b);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(equivalent(*a, *b), GetParam().same) << GetParam().a << " and " << GetParam().b;
    EXPECT_EQ(equivalent(*b, *a), GetParam().same);
}

INSTANTIATE_TEST_SUITE_P(Pairs, JsonEquivalence,
                         testing::Values(Pair{"1", "1.0", true}, Pair{"100", "1e2", true}, Pair{"0.1", "1E-1", true},
                                         Pair{"0", "-0.00", true}, Pair{"0e5", "0", true}, Pair{"10", "1", false},
                                         Pair{"-1", "1", false}, Pair{"1.10", "1.1", true},
                                         Pair{"[1,2]", "[2,1]", false},
                                         Pair{R"({"a":1,"b":2})", R"({"b":2.0,"a":1})", true},
                                         Pair{R"({"a":1})", R"({"a":1,"b":null})", false}, Pair{R"("1")", "1", false},
                                         Pair{"null", "false", false}, Pair{"{}", "[]", false}));

}  // namespace
}  // namespace ledgerline::json
