#include "base/money.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>

#include "base/amount_text.h"

namespace ledgerline {
namespace {

// Gives the process its ISO assets back.
class Assets : public testing::Test {
protected:
    ~Assets() override { use_own_assets({}); }

    static std::string refusal(const std::string& text) {
        const auto parsed = parse_assets(text);
        return parsed ? "none" : parsed.error().message;
    }
    static int exponent(std::string_view code) {
        const Asset* asset = find_asset(code);
        return asset ? asset->exponent.value_or(-1) : -2;
    }
};

TEST_F(Assets, KnowIso4217) {
    for (const char* code : {"EUR", "USD", "CZK", "JPY", "AED", "ZWG"}) EXPECT_TRUE(is_currency(code)) << code;
    for (const char* code : {"", "eur", "EU", "EURO", "ABC", "XXX", "XTS"}) EXPECT_FALSE(is_currency(code)) << code;
    for (const auto& [code, decimals] :
         {std::pair{"EUR", 2}, {"JPY", 0}, {"BHD", 3}, {"CLF", 4}, {"UYI", 0}, {"ISK", 0}, {"HUF", 2}, {"XAU", -1}})
        EXPECT_EQ(exponent(code), decimals) << code;
    EXPECT_EQ(std::ranges::count(iso_assets(), std::optional(0), &Asset::exponent), 17);
    EXPECT_EQ(std::ranges::count(iso_assets(), std::optional(3), &Asset::exponent), 7);
    EXPECT_EQ(std::ranges::count(iso_assets(), std::optional(4), &Asset::exponent), 2);
    EXPECT_EQ(std::ranges::count(iso_assets(), std::optional<int>(), &Asset::exponent), 11);
}

TEST_F(Assets, OfOnesOwnComeBesideThem) {
    const auto own = parse_assets(
        "\xEF\xBB\xBF"
        "# ours\r\n\nPTS 0\r\n  XBT\t 8  \nXAU 3");
    ASSERT_TRUE(own) << own.error().message;
    use_own_assets(*own);
    EXPECT_EQ(exponent("PTS"), 0);
    EXPECT_EQ(exponent("XBT"), 8);
    EXPECT_EQ(exponent("XAU"), 3) << "ISO names no minor unit of gold";
    EXPECT_EQ(exponent("EUR"), 2);
    EXPECT_EQ(assets().size(), iso_assets().size() + 2);
    EXPECT_TRUE(std::ranges::is_sorted(assets(), {}, &Asset::code));
    use_own_assets({});
    EXPECT_FALSE(is_currency("PTS"));
}

TEST_F(Assets, AreRefusedByLineAndRule) {
    EXPECT_EQ(refusal("PTS 0\nEUR 2\n"), "line 2: EUR is a currency of ISO 4217, with the exponent 2");
    EXPECT_EQ(refusal("\n#\nPTS 0\nPTS 0"), "line 4: PTS is there twice");
    EXPECT_EQ(refusal("POINTS 0"), "line 1: the code must be three capital letters, such as PTS, not 'POINTS'");
    EXPECT_EQ(refusal("pts 0"), "line 1: the code must be three capital letters, such as PTS, not 'pts'");
    EXPECT_EQ(refusal("{\"PTS\": 0}").substr(0, 46), "line 1: the code must be three capital letters");
    for (const char* exponent : {"", "-1", "13", "2.0", "1 2", "two", "+2", "99999999999999999999"})
        EXPECT_EQ(refusal(fmt::format("PTS {}", exponent)),
                  fmt::format("line 1: the exponent of PTS must be a whole number from 0 to 12, not '{}'", exponent));
    EXPECT_EQ(refusal("# none\n"), "names no asset");
    std::string many;
    for (int i = 0, lines = 0; lines <= 1000; ++i) {
        const std::string code = {static_cast<char>('A' + i / 676), static_cast<char>('A' + i / 26 % 26),
                                  static_cast<char>('A' + i % 26)};
        if (is_currency(code)) continue;
        many += code + " 0\n";
        ++lines;
    }
    EXPECT_EQ(refusal(many), "line 1001: at most 1000 assets");
}

std::string parsed(std::string_view text, int exponent = 2) {
    const auto cents = parse_amount(text, exponent, "EUR");
    return cents ? std::to_string(*cents) : cents.error();
}

TEST(AmountText, IsWhatPeopleWrite) {
    EXPECT_EQ(amount_text(321'760, 2, "CZK"), "3,217.60 CZK");
    EXPECT_EQ(amount_text(100, 0, "JPY"), "100 JPY");
    EXPECT_EQ(amount_text(1500, 3, "BHD"), "1.500 BHD");
    EXPECT_EQ(amount_text(0, 2, "EUR"), "0.00 EUR");
    EXPECT_EQ(amount_text(-5, 2, "EUR"), "-0.05 EUR");
    EXPECT_EQ(amount_text(-100'000, 2, "EUR"), "-1,000.00 EUR");
    EXPECT_EQ(amount_text(1, 8, "XBT"), "0.00000001 XBT");
    EXPECT_EQ(amount_text(1250, std::nullopt, "XAU"), "1,250 minor units of XAU");
    EXPECT_EQ(amount_text(1250, std::nullopt, ""), "1,250 minor units");
    EXPECT_EQ(amount_text(std::numeric_limits<std::int64_t>::min(), 2, "EUR"), "-92,233,720,368,547,758.08 EUR");
    EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
    EXPECT_EQ(grouped(-100), "-100");
    EXPECT_EQ(grouped(1000), "1,000");
}

TEST(AmountText, IsReadStrictly) {
    EXPECT_EQ(parsed("12.50"), "1250");
    EXPECT_EQ(parsed("12.5"), "1250");
    EXPECT_EQ(parsed("12"), "1200");
    EXPECT_EQ(parsed("0.01"), "1");
    EXPECT_EQ(parsed("007.5"), "750");
    EXPECT_EQ(parsed("100", 0), "100");
    EXPECT_EQ(parsed("1.5", 3), "1500");
    EXPECT_EQ(parsed("10000000000000.00"), "1000000000000000");

    EXPECT_EQ(parsed("12.505"), "an amount with at most 2 decimals, those of EUR");
    EXPECT_EQ(parsed("12.500"), "an amount with at most 2 decimals, those of EUR");
    EXPECT_EQ(parsed("100.0", 0), "an amount without decimals: EUR has none");
    for (const char* text : {"-1", "+1", "-"}) EXPECT_EQ(parsed(text), "an amount without a sign");
    for (const char* text : {"1,250.50", "12,50", "1 250", "1'250", "1_250", " 1", "1 "})
        EXPECT_EQ(parsed(text),
                  "an amount with a point before its decimals and no thousands separators, such as 1250.50");
    for (const char* text : {"1e3", "1E3"}) EXPECT_EQ(parsed(text), "an amount written without an exponent");
    for (const char* text : {"", ".5", "5.", "."})
        EXPECT_EQ(parsed(text), "an amount with digits on both sides of its point");
    for (const char* text : {"abc", "1.2.3", "0x1", "12.50\n", "NaN", "\xC2\xBD"})
        EXPECT_EQ(parsed(text), "a decimal number, such as 12.50") << text;
    for (const char* text : {"0", "0.00", "10000000000000.01", "99999999999999999999999999999999"})
        EXPECT_EQ(parsed(text), "from 0.01 EUR to 10,000,000,000,000.00 EUR") << text;
}

// What is printed, without its separators and its currency, is read as what it was.
RC_GTEST_PROP(AmountText, IsReadAsItWasWritten, ()) {
    const auto cents = *rc::gen::inRange<std::int64_t>(1, amount_cents_max + 1);
    const int exponent = *rc::gen::inRange(0, exponent_max + 1);
    std::string text = amount_text(cents, exponent, "EUR");
    std::erase(text, ',');
    RC_ASSERT(text.ends_with(" EUR"));
    text.resize(text.size() - 4);
    const auto read = parse_amount(text, exponent, "EUR");
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == cents);
}

// No text at all is read as an amount beyond the limits, and none makes it fail in another way.
RC_GTEST_PROP(AmountText, TakesNothingBeyondTheLimits, ()) {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('0', '1', '9', '.', '-', ',', 'e', ' '));
    const int exponent = *rc::gen::inRange(0, exponent_max + 1);
    const auto read = parse_amount(text, exponent, "EUR");
    if (read) RC_ASSERT(*read >= 1 && *read <= amount_cents_max);
    RC_ASSERT(read || !read.error().empty());
}

}  // namespace
}  // namespace ledgerline
