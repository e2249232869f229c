#include "base/jsonb.h"

#include <gtest/gtest.h>

namespace ledgerline::json {
namespace {

std::string jsonb(std::string_view text, const JsonbLimits& limits = {}) {
    const auto value = parse(text);
    if (!value) return "not JSON: " + value.error().message;
    const auto printed = to_jsonb(*value, limits);
    return printed ? *printed : printed.error().message;
}

struct Printed {
    const char* text;
    const char* printed;
};

class JsonbPrints : public testing::TestWithParam<Printed> {};

// What PostgreSQL 15 prints for each of them; tests/integration compares many more with the real one.
TEST_P(JsonbPrints, AsPostgreSQLDoes) { EXPECT_EQ(jsonb(GetParam().text), GetParam().printed) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(
    Values, JsonbPrints,
    testing::Values(Printed{"{}", "{}"}, Printed{"[ ]", "[]"}, Printed{"[null,true,false]", "[null, true, false]"},
                    Printed{R"({"bb":1,"a":{"d":[1,2]},"c":"x"})", R"({"a": {"d": [1, 2]}, "c": "x", "bb": 1})"},
                    Printed{R"({"é":1,"zzz":2,"z":3,"":4})", R"({"": 4, "z": 3, "é": 1, "zzz": 2})"},
                    Printed{R"("\u00e9\/\ud83d\ude00\u0001\u007f\t")", "\"é/😀\\u0001\x7f\\t\""}, Printed{"-0", "0"},
                    Printed{"-0.00", "0.00"}, Printed{"1.50", "1.50"}, Printed{"1e2", "100"}, Printed{"1.5E+1", "15"},
                    Printed{"1.50e1", "15.0"}, Printed{"1.5e-3", "0.0015"}, Printed{"12.5e-3", "0.0125"},
                    Printed{"0e9", "0"}, Printed{"0e-3", "0.000"}, Printed{"0.0e1", "0"}, Printed{"0.0001e3", "0.1"},
                    Printed{"0.00010e4", "1.0"}, Printed{"-12345e-2", "-123.45"}, Printed{"0e1073741822", "0"},
                    Printed{"10e-1", "1.0"}, Printed{"1e039", "1000000000000000000000000000000000000000"}));

constexpr const char* kDigits = "must not hold a number of more than 40 digits in plain notation";

TEST(Jsonb, LimitsTheDigitsOfANumberInPlainNotation) {
    const std::string forty(40, '7');
    EXPECT_EQ(jsonb(forty), forty);
    EXPECT_EQ(jsonb("-" + forty), "-" + forty);
    EXPECT_EQ(jsonb(forty + "7"), kDigits);
    EXPECT_EQ(jsonb("7." + std::string(39, '0')), "7." + std::string(39, '0'));
    EXPECT_EQ(jsonb("7." + std::string(40, '0')), kDigits);
    EXPECT_EQ(jsonb("1e39"), "1" + std::string(39, '0'));
    EXPECT_EQ(jsonb("1e-39"), "0." + std::string(38, '0') + "1");
    EXPECT_EQ(jsonb("0." + std::string(1000, '0') + "1e1001"), "1") << "what is stored counts, not what was sent";
    for (const char* beyond : {"1e40", "1e-40", "1e64", "1e-64", "1E+100", "1e308", "1e2147483647", "1e-2147483647",
                               "0e-40", "0e1073741823", "0e-2147483647", "0.0e-40"})
        EXPECT_EQ(jsonb(std::string("[") + beyond + "]"), kDigits) << beyond;
}

TEST(Jsonb, CountsTheValueItselfAsALevel) {
    const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
    EXPECT_EQ(jsonb(nested(16)), nested(16));
    EXPECT_EQ(jsonb(nested(17)), "must not be nested deeper than 16 levels");
    EXPECT_EQ(jsonb("7", {.depth_max = 0}), "7");
}

TEST(Jsonb, LimitsWhatIsStoredNotWhatIsSent) {
    const auto padded = [](std::size_t bytes) { return R"({"a": ")" + std::string(bytes - 9, 'x') + R"("})"; };
    EXPECT_EQ(jsonb(padded(16'384)), padded(16'384));
    EXPECT_EQ(jsonb(padded(16'385)), "must have at most 16384 bytes as it is stored");
    EXPECT_EQ(jsonb("[1,2]", {.bytes_max = 6}), "[1, 2]");
    EXPECT_EQ(jsonb("[1,2]", {.bytes_max = 5}), "must have at most 5 bytes as it is stored") << "with its blank";
    EXPECT_EQ(jsonb("[1e5]", {.bytes_max = 7}), "must have at most 7 bytes as it is stored");
    EXPECT_EQ(jsonb(R"(["\u00e9"])", {.bytes_max = 6}), "[\"é\"]") << "fewer bytes than were sent";
}

}  // namespace
}  // namespace ledgerline::json
