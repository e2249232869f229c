#include "base/json.h"

#include <gtest/gtest.h>

#include "base/json_items.h"

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
                                         BadText{R"({"a":{"b":[1,2,x]}})", "in a.b[2]"},
                                         BadText{R"({"a":[{"c":1,"c":2}]})", "in a[0].c"},
                                         BadText{"[\"\xff\"]", "at byte"}, BadText{"[\"\xc0\xaf\"]", "at byte"},
                                         BadText{R"(["\ud800"])", "at byte"}, BadText{"[1] x", "at byte"},
                                         BadText{"", "at byte"}, BadText{"[01]", "at byte"}, BadText{"[1,]", "at byte"},
                                         BadText{"[NaN]", "at byte"}, BadText{"[+1]", "at byte"},
                                         BadText{"['a']", "at byte"}, BadText{"[1/**/]", "at byte"},
                                         BadText{"\xef\xbb\xbf[]", "at byte"}, BadText{"[\"\n\"]", "at byte"}));

TEST(Json, LimitsDepth) {
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    EXPECT_TRUE(parse(nested(depth_max)));
    for (const std::size_t levels : {depth_max + 1, std::size_t{500'000}}) {
        const auto deeper = parse(nested(levels));
        ASSERT_FALSE(deeper);
        EXPECT_NE(deeper.error().message.find("nested deeper than 256 levels"), std::string::npos);
        EXPECT_LT(deeper.error().message.size(), 200u);
    }
}

TEST(Json, ReadsNumbersOfAnySize) {
    for (const std::string& number : {std::string(10'000, '1'), "0." + std::string(10'000, '0') + "1",
                                      std::string("1e308"), std::string("1E-2147483647")})
        EXPECT_EQ(serialize(parse(number).value()), number);
}

TEST(Json, TellsWhereATextIsWrong) {
    const auto message = [](const std::string& text) { return parse(text).error().message; };
    EXPECT_TRUE(message(R"({"transactions":[{"a":1},{"metadata":{"x":1,"x":2}}]})")
                    .ends_with(", in transactions[1].metadata.x"));
    EXPECT_EQ(message("").find(", in "), std::string::npos);
    EXPECT_TRUE(
        message("{\"" + std::string(99, 'k') + "\u00e9\":[[1,]]}").ends_with(", in " + std::string(99, 'k') + "..."));
    const auto items = parse_items(R"({"items":[1,2,{"a":[x]}]})", "items", 100, [](const Item&) { return true; });
    EXPECT_TRUE(items.error().message.ends_with(", in items[2].a[0]")) << items.error().message;
}

TEST(Json, EscapesWhatMustBe) {
    EXPECT_EQ(serialize(Value("a\"b\\c\n\t\x01\x1f\u00e9")), R"("a\"b\\c\n\t\u0001\u001fé")");
}

// The elements that parse_items() delivers, as text; "too large in <member>" or "too deep in <member>" for those it
// dropped.
struct Taken {
    Result<Value> rest;
    std::vector<std::string> items;
};

Taken take_items(std::string_view text, std::size_t values_max = 10, std::size_t items_max = 100) {
    std::vector<std::string> items;
    auto rest = parse_items(text, "items", values_max, [&](const Item& item) {
        items.push_back(item.fault == Item::Fault::too_large  ? "too large in " + item.fault_in
                        : item.fault == Item::Fault::too_deep ? "too deep in " + item.fault_in
                                                              : serialize(item.value));
        return items.size() < items_max;
    });
    return {std::move(rest), std::move(items)};
}

TEST(JsonItems, AreHandedOverOneByOneAndLeftOut) {
    const Taken taken = take_items(R"({"a":[1],"items":[{"items":[1]},2,null,[[]],"x"],"b":{"items":[3]}})");
    ASSERT_TRUE(taken.rest) << taken.rest.error().message;
    EXPECT_EQ(serialize(*taken.rest), R"({"a":[1],"items":[],"b":{"items":[3]}})");
    EXPECT_EQ(taken.items, (std::vector<std::string>{R"({"items":[1]})", "2", "null", "[[]]", R"("x")"}));
}

TEST(JsonItems, AreOnlyThoseOfTheOutermostObject) {
    EXPECT_TRUE(take_items(R"([{"items":[1]}])").items.empty());
    EXPECT_TRUE(take_items(R"({"a":{"items":[1]}})").items.empty());
    const Taken other = take_items(R"({"items":{"a":1}})");
    EXPECT_EQ(serialize(*other.rest), R"({"items":{"a":1}})");
}

TEST(JsonItems, OneWithTooManyValuesIsDroppedAloneAndNamesItsMember) {
    const std::string wide = R"({"k":1,"m":[0,0,0,0,0,0,0,0,{"x":[0,"\u0041",1e5,{}]}],"n":2})";
    const Taken taken = take_items(R"({"items":[[0,0,0,0,0,0,0,0,0],)" + wide + R"(,[0,0,0,0,0,0,0,0,0,0],{"k":1}]})");
    ASSERT_TRUE(taken.rest) << taken.rest.error().message;
    EXPECT_EQ(taken.items,
              (std::vector<std::string>{"[0,0,0,0,0,0,0,0,0]", "too large in m", "too large in ", R"({"k":1})"}));
}

TEST(JsonItems, OneThatIsNestedTooDeepIsDroppedAlone) {
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    for (const std::size_t levels : {depth_max - 2, depth_max - 1, depth_max, depth_max + 1, std::size_t{500'000}}) {
        const std::string deep = R"({"m":{"]}":")"
                                 "[\\\""
                                 R"(","x":)" +
                                 nested(levels - 1) + R"(,"y":"[{"},"n":1})";
        const Taken taken = take_items(R"({"items":[1,)" + deep + R"(,{"k":2},)" + deep + R"(],"b":3})", 100'000);
        ASSERT_TRUE(taken.rest) << levels << ": " << taken.rest.error().message;
        EXPECT_EQ(serialize(*taken.rest), R"({"items":[],"b":3})");
        const bool fits = levels + 3 <= depth_max;
        const std::string seen = fits ? taken.items.at(1) : "too deep in m";
        EXPECT_EQ(taken.items, (std::vector<std::string>{"1", seen, R"({"k":2})", seen})) << levels;
        EXPECT_EQ(fits, taken.items.at(1) != "too deep in m");
    }
    EXPECT_EQ(take_items(R"({"items":[1,)" + nested(300) + "," + nested(1000) + "]}", 100'000).items,
              (std::vector<std::string>{"1", "too deep in ", "too deep in "}));
}

TEST(JsonItems, WhatIsNestedTooDeepAndNotJsonEndsTheText) {
    for (const std::string& deep : {std::string(1'000'000, '['), std::string(1'000'000, '{'),
                                    std::string(400, '[') + "\"" + std::string(400, ']')}) {
        const Taken taken = take_items(R"({"items":[1,)" + deep, 100'000);
        ASSERT_FALSE(taken.rest);
        EXPECT_EQ(taken.rest.error().code, "invalid_json");
    }
    const std::string deep = std::string(300, '[') + std::string(300, ']');
    EXPECT_FALSE(take_items(R"({"items":[1,)" + deep + " x]}", 100'000).rest);
    EXPECT_FALSE(take_items(R"({"items":[1],"a":)" + deep + "}", 100'000).rest) << "outside the items";
    EXPECT_FALSE(take_items(R"({"items":[1,)" + deep + R"(,{"a":1,"a":1}]})", 100'000).rest);
}

TEST(Json, AnExponentBeyondEveryLimitIsANumberBeyondEveryLimit) {
    const auto text = [](const std::string& number) { return serialize(parse(number).value()); };
    EXPECT_EQ(text("[1e99999999999999999999,true,\"1e99999999999\",2E-2147483648,3e+5]"),
              "[1e999999999,true,\"1e99999999999\",2E-999999999,3e+5]");
    EXPECT_EQ(text("1e2147483647"), "1e2147483647") << "what the parser takes stays as it is written";
    EXPECT_FALSE(parse("[1e99999999999999999999,1e]"));
    EXPECT_EQ(take_items(R"({"items":[{"a":1E+2147483649},2]})").items,
              (std::vector<std::string>{R"({"a":1E+999999999})", "2"}));
}

TEST(JsonItems, ErrorsBehindThemStillCount) {
    for (const char* text : {R"({"items":[1,2})", R"({"items":[1],"items":[2]})", R"({"items":[{"a":1,"a":2}]})",
                             R"({"items":[1]} x)", R"({"items":["\u0000"]})"})
        EXPECT_EQ(take_items(text).rest.error().code, "invalid_json") << text;
    const Taken elsewhere = take_items(R"({"x":[0,0,0,0,0,0,0,0,0,0,0],"items":[]})");
    EXPECT_EQ(elsewhere.rest.error().code, "invalid_json");
    EXPECT_NE(elsewhere.rest.error().message.find("at most 10 values outside 'items'"), std::string::npos);
}

TEST(JsonItems, StopWhenTheyAreTooMany) {
    const Taken taken = take_items(R"({"items":[1,2,3,4]} not JSON)", 10, 2);
    EXPECT_EQ(taken.rest.error().code, "stopped");
    EXPECT_EQ(taken.items.size(), 2u);
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
