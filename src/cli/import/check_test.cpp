#include "cli/import/check.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ledgerline::cli {
namespace {

Result<FileCheck> check_text(const std::string& text) {
    std::istringstream in(text);
    return check_file(in);
}

// The complaint about the only bad row among good ones: "column: rule".
std::string complaint(const std::string& row) {
    const auto check = check_text("reference,account,date,type,amount_cents,currency\nr0,a,,CREDIT,1,CZK\n" + row +
                                  "\nr9,b,,DEBIT,1,EUR\n");
    if (!check) return check.error().message;
    EXPECT_EQ(check->bad_rows.size(), check->bad_lines.size());
    if (check->bad_rows.size() != 1) return std::to_string(check->bad_rows.size()) + " bad rows";
    EXPECT_EQ(check->bad_lines, std::vector<std::uint64_t>{3});
    EXPECT_EQ(check->good_rows, 2u);
    return check->bad_rows[0].column + ": " + check->bad_rows[0].rule;
}

TEST(ImportCheck, TakesColumnsInAnyOrder) {
    const auto check =
        check_text("currency,type,note,account,amount_cents,reference\nEUR,DEBIT,,a,5,r1\nCZK,CREDIT,x,b,6,r1\n");
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_EQ(check->good_rows, 2u);
    EXPECT_TRUE(check->bad_lines.empty());
    ASSERT_EQ(check->accounts.size(), 2u);
    EXPECT_EQ(check->accounts[1].name, "b");
    EXPECT_EQ(check->accounts[1].currency, "CZK");
}

TEST(ImportCheck, NamesColumnAndRule) {
    EXPECT_EQ(complaint(",a,,CREDIT,1,CZK"), "reference: must not be empty");
    EXPECT_EQ(complaint(std::string(256, 'x') + ",a,,CREDIT,1,CZK"), "reference: must have at most 255 characters");
    EXPECT_EQ(complaint("r\t1,a,,CREDIT,1,CZK"), "reference: must not contain control characters");
    EXPECT_EQ(complaint("r\xC2\x85,a,,CREDIT,1,CZK"), "reference: must not contain control characters");
    EXPECT_EQ(complaint("r1,,,CREDIT,1,CZK"), "account: must not be empty");
    EXPECT_EQ(complaint("r1,a,\xC3(,CREDIT,1,CZK"), "date: must be valid UTF-8");
    EXPECT_EQ(complaint("r1,a,\xED\xA0\x80,CREDIT,1,CZK"), "date: must be valid UTF-8") << "a surrogate";
    EXPECT_EQ(complaint("r1,a,,credit,1,CZK"), "type: must be CREDIT or DEBIT, not 'credit'");
    for (const char* amount : {"", "0", "-1", "1.0", "1e2", "+1", " 1", "1000000000000001", "99999999999999999999"})
        EXPECT_EQ(complaint(std::string("r1,a,,CREDIT,") + amount + ",CZK"),
                  std::string("amount_cents: must be a whole number from 1 to 1000000000000000, not '") + amount + "'");
    EXPECT_EQ(complaint("r1,a,,CREDIT,1,ABC"), "currency: must be the code of an asset, such as EUR, not 'ABC'");
    EXPECT_EQ(complaint("r1,a,CREDIT,1,CZK"), ": must have 6 fields like the header, not 5");
    EXPECT_EQ(complaint("r1,a\"b,,CREDIT,1,CZK"), ": a field with a quote in it must be quoted, and the quote doubled");
}

TEST(ImportCheck, TakesTheLimitsThemselves) {
    std::string long_name;
    for (int i = 0; i < 255; ++i) long_name += "č";
    EXPECT_EQ(complaint(long_name + "," + long_name + ",,CREDIT,1000000000000000,CZK"), "0 bad rows");
}

TEST(ImportCheck, HoldsAnAccountToOneCurrency) {
    EXPECT_EQ(complaint("r1,a,,CREDIT,1,EUR"), "currency: must be CZK, as in the first row of account 'a'");
}

TEST(ImportCheck, TellsReplaysFromConflicts) {
    EXPECT_EQ(complaint("r0,a,,CREDIT,1,CZK"), "0 bad rows") << "the same row again";
    EXPECT_EQ(complaint("r0,b,,CREDIT,1,EUR"), "0 bad rows") << "another account's reference";
    EXPECT_EQ(complaint("r0,a,,CREDIT,2,CZK"), "reference: must not be reused for a different row (see line 2)");
    EXPECT_EQ(complaint("r0,a,1993-01-01,CREDIT,1,CZK"),
              "reference: must not be reused for a different row (see line 2)");
}

TEST(ImportCheck, ListsBadRowsByLineWhateverTheirKind) {
    const auto check = check_text(
        "reference,account,type,amount_cents,currency\n"
        "r1,a,CREDIT,1,CZK\nr1,a,CREDIT,2,CZK\nr2,a,CREDIT,x,CZK\nr1,a,CREDIT,3,CZK\n");
    ASSERT_TRUE(check);
    EXPECT_EQ(check->bad_lines, (std::vector<std::uint64_t>{3, 4, 5}));
    ASSERT_EQ(check->bad_rows.size(), 3u);
    EXPECT_EQ(check->bad_rows[0].column, "reference");
    EXPECT_EQ(check->bad_rows[1].column, "amount_cents");
    EXPECT_EQ(check->good_rows, 1u);
}

TEST(ImportCheck, CountsMoreBadRowsThanItKeeps) {
    std::string text = "reference,account,type,amount_cents,currency\n";
    for (std::size_t i = 0; i < bad_rows_kept + 5; ++i) text += "r,a,X,1,CZK\n";
    const auto check = check_text(text);
    ASSERT_TRUE(check);
    EXPECT_EQ(check->bad_rows.size(), bad_rows_kept);
    EXPECT_EQ(check->bad_lines.size(), bad_rows_kept + 5);
}

// The complaint about the only row: "column: rule".
std::string transfer_complaint(const std::string& row,
                               const std::string& header = "reference,from,to,amount,currency") {
    const auto check = check_text(header + "\n" + row + "\n");
    if (!check) return check.error().message;
    if (check->bad_rows.size() != 1) return std::to_string(check->bad_rows.size()) + " bad rows";
    return check->bad_rows[0].column + ": " + check->bad_rows[0].rule;
}

TEST(ImportCheck, TakesTransfers) {
    const std::string id = "01A20874-E2CA-767F-BD91-75834EB53280";
    const auto check = check_text("reference,from,to,amount,currency\nr1,external,alice,12.50,EUR\nr2,alice," + id +
                                  ",1,EUR\nr3,bob,external,5,JPY\nr2,alice," + id + ",1.00,EUR\n");
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_TRUE(check->bad_rows.empty()) << check->bad_rows[0].rule;
    EXPECT_EQ(check->good_rows, 4u);
    ASSERT_EQ(check->accounts.size(), 3u);
    EXPECT_EQ(check->accounts[0].name, "alice");
    EXPECT_FALSE(check->accounts[0].is_id);
    EXPECT_EQ(check->accounts[1].name, "01a20874-e2ca-767f-bd91-75834eb53280");
    EXPECT_TRUE(check->accounts[1].is_id);
    AccountGroups groups = check->groups;
    EXPECT_EQ(groups.group_of(0), groups.group_of(1));
    EXPECT_NE(groups.group_of(0), groups.group_of(2));
}

TEST(ImportCheck, NamesColumnAndRuleOfTransfers) {
    EXPECT_EQ(transfer_complaint("r1,,bob,1,EUR"), "from: must not be empty") << "money must not come from a gap";
    EXPECT_EQ(transfer_complaint("r1,alice,,1,EUR"), "to: must not be empty");
    EXPECT_EQ(transfer_complaint("r1,alice,alice,1,EUR"), "to: must not be the account in 'from'");
    EXPECT_EQ(transfer_complaint("r1,external,external,1,EUR"), "to: must be an account, as 'from' is external");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,12.505,EUR"),
              "amount: must be an amount with at most 2 decimals, those of EUR, not '12.505'");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,1.5,JPY"),
              "amount: must be an amount without decimals: JPY has none, not '1.5'");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,\"1,000\",EUR"),
              "amount: must be an amount with a point before its decimals and no thousands separators, such as "
              "1250.50, not '1,000'");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,1,XAU"),
              "amount: must be in a column amount_cents, as it is not known how many decimals XAU has, not '1'");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,1,ABC"),
              "currency: must be the code of an asset, such as EUR, not 'ABC'");
    EXPECT_EQ(transfer_complaint("r0,external,bob,1,CZK\nr1,alice,bob,1,EUR"),
              "currency: must be CZK, as in the first row of account 'bob'");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,1,EUR\nr1,alice,carol,1,EUR"),
              "reference: must not be reused for a different row (see line 2)");
    EXPECT_EQ(transfer_complaint("r1,alice,bob,1,EUR\nr1,bob,alice,1,EUR"), "0 bad rows") << "another account's key";
    EXPECT_EQ(transfer_complaint("r1,alice,bob,1.5,EUR", "reference,from,to,amount_cents,currency"),
              "amount_cents: must be a whole number from 1 to 1000000000000000, not '1.5'");
}

TEST(ImportCheck, TakesTimesAndDays) {
    const std::string header = "reference,from,to,amount,currency,occurred_at";
    for (const char* time : {"", "1993-01-05", "2026-11-23T09:20:00Z", "2026-11-23T09:20:00.5+02:00"})
        EXPECT_EQ(transfer_complaint(std::string("r1,a,b,1,EUR,") + time, header), "0 bad rows");
    EXPECT_EQ(transfer_complaint("r1,a,b,1,EUR,1993-02-30", header),
              "occurred_at: must be a time as in RFC 3339 or a day such as 2026-01-31, not '1993-02-30'");
    EXPECT_EQ(transfer_complaint("r1,a,b,1,EUR,2026-01-01\nr1,a,b,1,EUR,2026-01-02", header),
              "reference: must not be reused for a different row (see line 2)");
}

TEST(ImportCheck, KeepsTransferColumnsOfPaymentsAsMetadata) {
    EXPECT_EQ(
        transfer_complaint("r1,a,CREDIT,5,CZK,x,,12", "reference,account,type,amount_cents,currency,from,to,amount"),
        "0 bad rows");
}

TEST(ImportCheck, RefusesFilesItCannotRead) {
    EXPECT_EQ(check_text("").error().message, "the file is empty: the first line must name the columns");
    const auto missing = [](const std::string& header, const std::string& column) {
        EXPECT_EQ(check_text(header + "\n").error().message,
                  "line 1: the column '" + column +
                      "' is missing: the first line must name the columns reference, account and type (or from and "
                      "to), amount_cents (or amount) and currency")
            << header;
    };
    missing("reference,account,type,sum,currency", "amount_cents");
    missing("reference,from,to,currency", "amount_cents");
    missing("reference,from,amount,currency", "to");
    missing("reference,to,amount,currency", "from");
    missing("reference,amount,currency", "account");
    missing("reference,account,from,to,amount,currency", "type");
    missing("from,to,amount,currency", "reference");
    EXPECT_EQ(check_text("reference,account,type,amount_cents,currency,type\n").error().message,
              "line 1: the column 'type' occurs twice");
    EXPECT_EQ(check_text("reference,account,type,amount_cents,currency,\n").error().message,
              "line 1: the name of column 6 must not be empty");
    EXPECT_EQ(check_text("reference,account,type,amount_cents,currency\n\"r").error().message,
              "line 2: a quote is never closed");
}

}  // namespace
}  // namespace ledgerline::cli
