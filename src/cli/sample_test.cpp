#include "cli/sample.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/import/check.h"
#include "lab/balance_model.h"

namespace ledgerline::cli {
namespace {

std::string file_of(const SampleSettings& settings) {
    std::string text = std::string(sample_header) + "\n";
    Sample sample(settings);
    while (const auto row = sample.next()) text += csv_line(*row, settings.currency);
    return text;
}

TEST(Sample, IsTheSameForTheSameSeed) {
    EXPECT_EQ(file_of({.seed = 7}), file_of({.seed = 7}));
    EXPECT_NE(file_of({.seed = 7}), file_of({.seed = 8}));
}

TEST(Sample, IsAGoodImportFile) {
    std::istringstream file(file_of({.seed = 3, .accounts = 50, .transactions = 2000}));
    const auto check = check_file(file);
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_TRUE(check->bad_lines.empty());
    EXPECT_EQ(check->good_rows, 2000u);
    EXPECT_EQ(check->accounts.size(), 50u) << "every account occurs";
}

TEST(Sample, HasTheTraitsOfABank) {
    std::istringstream file(file_of({.seed = 1, .accounts = 1000, .transactions = 20'000}));
    const auto model = test::BalanceModel::of(file);
    EXPECT_EQ(model.balances.size(), 1000u);
    EXPECT_GE(model.refused.size(), 3u) << "a few debits are not covered";
    EXPECT_LE(model.refused.size(), 40u) << "but most are";
    EXPECT_EQ(model.processed + static_cast<std::int64_t>(model.refused.size()), 20'000);
}

// Sorting the file by type, so that each account's credits come first, must change what is refused: otherwise a
// pipeline that loses the order would pass the test.
TEST(Sample, TellsAWrongOrderFromARightOne) {
    const std::string text = file_of({.seed = 1, .accounts = 200, .transactions = 5000});
    std::istringstream file(text), lines(text);
    std::string debits, credits, line;
    std::getline(lines, line);
    while (std::getline(lines, line)) (line.contains("DEBIT") ? debits : credits) += line + "\n";
    std::istringstream reordered(std::string(sample_header) + "\n" + debits + credits);
    EXPECT_NE(test::BalanceModel::of(file).balances, test::BalanceModel::of(reordered).balances);
}

}  // namespace
}  // namespace ledgerline::cli
