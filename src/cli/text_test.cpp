// Tables, numbers, durations and progress.
#include <gtest/gtest.h>

#include <sstream>

#include "base/amount_text.h"
#include "cli/command_line.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace ledgerline::cli {
namespace {

TEST(Table, AlignsColumns) {
    Table table({{"name"}, {"cents", Align::right}, {"note"}});
    table.add({"Šárka", "5", ""});
    table.add({"Bo", "12345", "x"});
    std::ostringstream out;
    table.print(out);
    EXPECT_EQ(out.str(),
              "name   cents  note\n"
              "Šárka      5\n"
              "Bo     12345  x\n");
}

TEST(Table, KeepsControlCharactersFromTheTerminal) {
    Table table({{"name"}});
    table.add({"a\x1b[2Jb\nc"});
    std::ostringstream out;
    table.print(out);
    EXPECT_EQ(out.str(), "name\na\\u001b[2Jb\\nc\n");
}

TEST(Table, GroupsThousands) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(-1234567), "-1,234,567");
    EXPECT_EQ(grouped(-123), "-123");
}

TEST(Duration, IsReadAndWritten) {
    EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
    EXPECT_EQ(parse_duration("30"), milliseconds(30'000));
    EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
    EXPECT_EQ(parse_duration("10m"), milliseconds(600'000));
    EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
    for (const char* bad : {"", "s", "-1s", "1.5s", "1 s", "1d", "9999999999h"})
        EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
    for (const char* text : {"250ms", "30s", "10m", "2h", "0s"})
        EXPECT_EQ(format_duration(*parse_duration(text)), text);
}

class ProgressTest : public testing::Test {
protected:
    std::ostringstream out_, err_;
    ManualClock clock_;
    SeededRandom random_{1};
};

TEST_F(ProgressTest, PrintsALineNowAndThenWithoutATerminal) {
    const roles::Environment environment{out_, err_, false, clock_, random_};
    Progress progress(environment, "importing", "rows", 4000);
    progress.update(0);
    EXPECT_EQ(err_.str(), "");
    clock_.advance(Progress::line_every);
    progress.update(1000);
    EXPECT_EQ(err_.str(), "importing: 1,000 of 4,000 rows, 200/s, 0:15 left\n");
}

TEST_F(ProgressTest, DrawsABarOnATerminal) {
    const roles::Environment environment{out_, err_, true, clock_, random_};
    {
        Progress progress(environment, "importing", "rows", 300);
        clock_.advance(milliseconds(1000));
        progress.update(100);
        EXPECT_EQ(err_.str(), "\rimporting [##########--------------------] 100 of 300 rows, 100/s, 0:02 left\x1b[K");
        err_.str("");
    }
    EXPECT_EQ(err_.str(), "\r\x1b[K") << "the bar is taken away";
}

}  // namespace
}  // namespace ledgerline::cli
