// How tables become narrow enough, and YAML.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "cli/called.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/yaml.h"

namespace ledgerline::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kId = "01a21c3b-823f-73e4-aed2-37c0329405d3";
constexpr const char* kOther = "01a21c3b-822f-70b9-976c-5ee269d47347";
constexpr const char* kTime = "2026-11-27T08:59:51.783310Z";

std::string printed(std::size_t columns_max) {
    Table table({{"id"}, {"amount", Align::right}, {"at"}, {"account"}, {"note"}, {"extra", Align::left, true}},
                {.columns_max = columns_max, .colours = false});
    table.add({kId, "1,500.00 CZK", kTime, kOther, "a note that is long", "x"});
    std::ostringstream out;
    table.print(out);
    return out.str().substr(out.str().find('\n') + 1);
}

TEST(TableWidth, GivesUpWhatMattersLeastFirst) {
    const std::string id = kId;
    EXPECT_EQ(printed(1000),
              id + "  1,500.00 CZK  2026-11-27T08:59:51.783310Z  " + kOther + "  a note that is long  x\n");
    EXPECT_EQ(printed(140), id + "  1,500.00 CZK  2026-11-27T08:59:51Z  " + kOther + "  a note that is long  x\n");
    EXPECT_EQ(printed(120), id + "  1,500.00 CZK  2026-11-27T08:59:51Z  …69d47347  a note that is long  x\n");
    EXPECT_EQ(printed(104), id + "  1,500.00 CZK  2026-11-27T08:59:51Z  …69d47347  a note that is long\n");
    EXPECT_EQ(printed(97), id + "  1,500.00 CZK  2026-11-27T08:59:51Z  …69d47347  a note that…\n");
}

TEST(TableWidth, NeverShortensTheFirstIdOrANumber) {
    const std::string narrow = printed(10);
    EXPECT_THAT(narrow, HasSubstr(kId));
    EXPECT_THAT(narrow, HasSubstr("1,500.00 CZK"));
}

TEST(TableWidth, AContinuedTableKeepsItsColumns) {
    Table table({{"id"}, {"n", Align::right}});
    std::ostringstream out;
    table.add({"aa", "100"});
    table.print(out);
    table.add({"b", "7"});
    table.print(out);
    EXPECT_EQ(out.str(), "id    n\naa  100\nb     7\n");
}

std::string coloured(bool terminal) {
    std::ostringstream out, err;
    const SystemClock clock;
    SeededRandom random(1);
    const roles::Environment environment{.out = out,
                                         .err = err,
                                         .err_is_terminal = false,
                                         .clock = clock,
                                         .random = random,
                                         .out_is_terminal = terminal};
    const Field fields[] = {{"status", "status"}};
    print_list(environment, OutputOptions(), fields, {json::Object{{"status", "FAILED"}}}, "rows");
    return out.str();
}

TEST(Colours, AreForTerminalsUnlessRefused) {
    unsetenv("NO_COLOR");
    const Variable kind("TERM", "xterm");
    EXPECT_EQ(coloured(false), "status\nFAILED\n");
    EXPECT_EQ(coloured(true), "\x1b[1mstatus\x1b[0m\n\x1b[31mFAILED\x1b[0m\n");
    {
        const Variable refused("NO_COLOR", "1");
        EXPECT_EQ(coloured(true), "status\nFAILED\n");
    }
    const Variable dumb("TERM", "dumb");
    EXPECT_EQ(coloured(true), "status\nFAILED\n");
}

TEST(Yaml, QuotesWhatCouldBeReadAsAnythingElse) {
    const auto yaml = [](const char* text) { return yaml_of(*json::parse(text)); };
    EXPECT_EQ(yaml(R"({"a":1,"b":"text","c":null,"d":true,"e":1.50})"), "a: 1\nb: text\nc: null\nd: true\ne: 1.50\n");
    for (const char* text :
         {"yes", "NO", "null", "12", "1e5", "", "a b", "- x", "a: b", "#", "it's", "2026-01-01", "~"})
        EXPECT_EQ(yaml_of(text), '"' + std::string(text) + "\"\n");
    EXPECT_EQ(yaml_of("a\x1b[2J\n"), "\"a\\u001b[2J\\n\"\n");
    EXPECT_EQ(yaml(R"({"a":{"b":[1,{"c":2,"d":[]},[3]]},"e":{}})"),
              "a:\n  b:\n    - 1\n    - c: 2\n      d: []\n    - - 3\ne: {}\n");
    EXPECT_EQ(yaml_item_of(*json::parse(R"({"a":1,"b":[2]})")), "- a: 1\n  b:\n    - 2\n");
}

}  // namespace
}  // namespace ledgerline::cli
