// The check of a whole import file before its first row is sent.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/import/rows.h"

namespace ledgerline::cli {

inline constexpr std::size_t bad_rows_kept = 1000;  // of each kind; the others are only counted

struct ImportAccount {
    std::string reference;
    std::string currency;  // that of its first row
};

// What one pass over the file found. Memory: about 40 bytes a row while it runs, 8 a bad row afterwards, and the
// accounts.
struct FileCheck {
    std::string header;  // as it stands in the file
    std::uint64_t good_rows = 0;
    std::vector<std::uint64_t> bad_lines;  // of all bad rows, ascending
    std::vector<BadRow> bad_rows;          // the first ones, by line
    std::vector<ImportAccount> accounts;   // in order of their first good row
    std::unordered_map<std::string, std::size_t> account_index;
};

// Besides each row's own rules, across rows: an account has one currency, and a reference that an account has twice
// stands for the same body (such rows are kept: they are replays). Error bad_usage: the file has no usable header, or
// cannot be read to its end.
Result<FileCheck> check_file(std::istream& in);

}  // namespace ledgerline::cli
