// Checks the whole file before anything is sent, and writes the rows that are left out to a file of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "cli/import/file.h"
#include "cli/import/rows.h"

namespace ledgerline::cli {

inline constexpr std::size_t bad_rows_kept = 1000;  // of each kind; the rest are only counted

struct ImportAccount {
    std::string name;      // its reference, or its id
    std::string currency;  // of its first row
    bool is_id = false;    // it must be there; accounts named by their references are created
};

// Accounts that are joined by transfers, directly or over others.
class AccountGroups {
public:
    void add() { parents_.push_back(parents_.size()); }
    void join(std::size_t one, std::size_t other) { parents_[group_of(one)] = group_of(other); }
    // The same number for all accounts of a group.
    std::size_t group_of(std::size_t account) {
        while (parents_[account] != account) account = parents_[account] = parents_[parents_[account]];
        return account;
    }

private:
    std::vector<std::size_t> parents_;
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
    AccountGroups groups;
};

// Checks each row by itself, and rules across rows: an account has one currency, and a reference that an account uses
// twice has the same body (such rows are kept: they are replays). Error bad_usage: the file has no usable header, or
// cannot be read to its end.
Result<FileCheck> check_file(std::istream& in, const FindAsset& find = find_asset);

inline constexpr const char* overwrite_rejects_flag = "--overwrite-rejects";

struct RejectsOptions {
    bool skip_invalid = false;
    std::string path;  // empty: next to the imported file
    bool overwrite = false;
};

// Where the rows go; "" when none are left out. Error bad_usage: the options contradict each other, or name the
// imported file itself.
Result<std::string> rejects_path(const RejectsOptions& options, const std::string& imported, const ImportFile& file);

// Writes the bad rows under the file's header, byte for byte, so that they can be corrected and imported. The file
// appears only when complete; interrupted() is called from time to time, and ends the writing with code "interrupted"
// (retry). Other errors are those of NewFile.
Result<void> write_rejects(ImportFile& file, const FileCheck& check, const std::string& path, bool overwrite,
                           const std::function<bool()>& interrupted);

}  // namespace ledgerline::cli
