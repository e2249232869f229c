// The file of API keys: one per line. Blank lines and lines that begin with # are skipped.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ledgerline::roles {

// Error bad_usage, which names the file: it cannot be read, or by everybody, holds no key, or
// one that no header can carry or that is too short.
Result<std::vector<std::string>> read_api_keys(const std::string& path);

// The keys and the file that they came from; both empty when the API is open.
struct ApiKeysFile {
    std::string path;
    std::vector<std::string> keys;
};

}  // namespace ledgerline::roles
