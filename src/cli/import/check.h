// The check of a whole import file before its first row is sent.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/import/rows.h"

namespace ledgerline::cli {

inline constexpr std::size_t bad_rows_kept = 1000;  // of each kind; the rest are only counted

struct ImportAccount {
    std::string reference;
    std::string currency;  // of its first row
};

// The result of one pass over the file. Memory: about 40 bytes per row during the check, afterwards 8 per bad row, and
// the accounts.
struct FileCheck {
    std::string header;  // as in the file
    std::uint64_t good_rows = 0;
    std::vector<std::uint64_t> bad_lines;  // of all bad rows, ascending
    std::vector<BadRow> bad_rows;          // the first ones, by line
    std::vector<ImportAccount> accounts;   // in order of their first good row
    std::unordered_map<std::string, std::size_t> account_index;
};

// Checks each row by itself, and rules across rows: an account has one currency, and a reference that an account uses
// twice has the same body (such rows are kept: they are replays). Error bad_usage: the file has no usable header, or
// cannot be read to its end.
Result<FileCheck> check_file(std::istream& in);

}  // namespace ledgerline::cli
