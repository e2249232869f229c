// The file of API keys: one per line. Blank lines and lines that begin with # are skipped.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "roles/rights.h"
#include "roles/settings.h"

namespace ledgerline::roles {

// Error bad_usage, which names the file: it cannot be read, or by everybody, holds no key, or
// one that no header can carry or that is too short.
Result<std::vector<std::string>> read_api_keys(const std::string& path);

// Error bad_usage, which names the flag: the settings do not fit one another, or name what cannot be used.
Result<void> check_tokens(const TokenSettings& settings);
// They are read again while the role runs.
void add_files(const TokenSettings& settings, RightsPlan& plan);

// Who may call, besides those with keys in the database.
struct Admission {
    std::string keys_path;          // the file of keys; empty: none
    std::vector<std::string> keys;  // in it
    std::string first_key_path;     // where the first stored key is put; empty: none is made
    bool always_asked = false;      // nobody may call without a key, even while there is none
    TokenSettings tokens = {};      // checked
    api::ApprovalPolicy approvals = {};
};

}  // namespace ledgerline::roles
