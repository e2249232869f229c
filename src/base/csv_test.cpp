#include "base/csv.h"

#include <gtest/gtest.h>

namespace ledgerline {
namespace {

std::string cell(std::string_view text) {
    std::string out = "before,";
    append_csv_text(text, out);
    return out.substr(7);
}

TEST(Csv, QuotesWhatRfc4180Asks) {
    EXPECT_EQ(cell(""), "");
    EXPECT_EQ(cell("plain ü €"), "plain ü €");
    EXPECT_EQ(cell("a,b"), "\"a,b\"");
    EXPECT_EQ(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
    EXPECT_EQ(cell("two\nlines"), "\"two\nlines\"");
    EXPECT_EQ(cell("two\r\nlines"), "\"two\r\nlines\"");
}

TEST(Csv, LeavesASpreadsheetNothingToRun) {
    EXPECT_EQ(cell("=1+1"), "'=1+1");
    EXPECT_EQ(cell("+41"), "'+41");
    EXPECT_EQ(cell("-100"), "'-100");
    EXPECT_EQ(cell("@SUM(A1)"), "'@SUM(A1)");
    EXPECT_EQ(cell("\t=1"), "'\t=1");
    EXPECT_EQ(cell("\r=1"), "\"'\r=1\"");
    EXPECT_EQ(cell("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
    EXPECT_EQ(cell("a=1"), "a=1");
    EXPECT_EQ(cell("'=1"), "'=1");
}

}  // namespace
}  // namespace ledgerline
