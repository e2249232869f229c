#include "cli/import/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sstream>

namespace ledgerline::cli {
namespace {

using Fields = std::vector<std::string>;

std::vector<CsvRecord> read_all(const std::string& text) {
    std::istringstream in(text);
    CsvReader reader(in);
    std::vector<CsvRecord> records;
    for (CsvRecord record; *reader.next(record);) records.push_back(record);
    return records;
}

Error error_of(const std::string& text) {
    std::istringstream in(text);
    CsvReader reader(in);
    CsvRecord record;
    while (true) {
        const auto more = reader.next(record);
        if (!more) return more.error();
        if (!*more) return {Disposition::refuse, "none", ""};
    }
}

TEST(Csv, ReadsRecords) {
    const auto records = read_all("a,b\n1,\n");
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].fields, (Fields{"a", "b"}));
    EXPECT_EQ(records[1].fields, (Fields{"1", ""}));
    EXPECT_EQ(records[1].line, 2u);
    EXPECT_EQ(records[1].raw, "1,");
}

TEST(Csv, ReadsQuotedFields) {
    const auto records = read_all("\"a,\"\"x\"\"\",\"two\r\nlines\"\nnext,\"\"");
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].fields, (Fields{"a,\"x\"", "two\r\nlines"}));
    EXPECT_EQ(records[1].fields, (Fields{"next", ""}));
    EXPECT_EQ(records[1].line, 3u) << "the line end within quotes counts";
}

TEST(Csv, ToleratesByteOrderMarkCrLfEmptyLinesAndAMissingLastLineEnd) {
    const auto records = read_all(
        "\xEF\xBB\xBF"
        "a,b\r\n\r\n\n1,\"2\"\r\n3,4");
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0].fields, (Fields{"a", "b"}));
    EXPECT_EQ(records[0].raw, "a,b");
    EXPECT_EQ(records[1].fields, (Fields{"1", "2"}));
    EXPECT_EQ(records[1].line, 4u);
    EXPECT_EQ(records[2].fields, (Fields{"3", "4"}));
}

TEST(Csv, ReadsOnAfterABadRow) {
    const auto records = read_all("a,b\"c,d\n\"x\"y,z\nm\rn,o\ngood,row\n");
    ASSERT_EQ(records.size(), 4u);
    EXPECT_EQ(records[0].defect, "a field with a quote in it must be quoted, and the quote doubled");
    EXPECT_EQ(records[0].raw, "a,b\"c,d");
    EXPECT_EQ(records[1].defect, "a closing quote must be followed by a comma or the end of the line");
    EXPECT_EQ(records[2].defect, "a carriage return must be followed by a line feed or be quoted");
    EXPECT_EQ(records[3].fields, (Fields{"good", "row"}));
}

TEST(Csv, GivesUpWhereRowsCannotBeTold) {
    EXPECT_EQ(error_of("a,b\n1,\"never closed\n2,3\n").message, "line 2: a quote is never closed");
    EXPECT_EQ(error_of("a\n\"" + std::string(CsvReader::record_bytes_max, 'x')).code, "malformed_file");
    EXPECT_EQ(error_of(std::string(CsvReader::record_bytes_max + 1, 'x')).code, "malformed_file");
    EXPECT_EQ(error_of(std::string(CsvReader::record_bytes_max, 'x')).code, "none");
}

std::string quoted(const std::string& field) {
    std::string out = "\"";
    for (const char c : field) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + '"';
}

RC_GTEST_PROP(Csv, ReadsBackWhatIsQuoted, ()) {
    const auto table = *rc::gen::nonEmpty(rc::gen::container<std::vector<Fields>>(rc::gen::nonEmpty(
        rc::gen::container<Fields>(rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\r', '\n'))))));
    std::string text;
    for (const Fields& fields : table) {
        for (std::size_t i = 0; i < fields.size(); ++i) text += (i > 0 ? "," : "") + quoted(fields[i]);
        text += *rc::gen::element<std::string>("\n", "\r\n");
    }
    const auto records = read_all(text);
    RC_ASSERT(records.size() == table.size());
    for (std::size_t i = 0; i < table.size(); ++i) RC_ASSERT(records[i].fields == table[i]);
}

}  // namespace
}  // namespace ledgerline::cli
