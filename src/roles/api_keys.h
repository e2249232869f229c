// The file of API keys: one a line. Blank lines and lines that begin with # are passed over.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ledgerline::roles {

// Error bad_usage, which names the file: it cannot be read, holds no key, or a key that no header can carry.
Result<std::vector<std::string>> read_api_keys(const std::string& path);

// The keys with the file that they came from; both empty where the API is open.
struct ApiKeysFile {
    std::string path;
    std::vector<std::string> keys;
};

}  // namespace ledgerline::roles
