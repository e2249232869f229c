// The file of API keys: one a line. Blank lines and lines that begin with # are passed over.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ledgerline::app {

// Error bad_usage, which names the file: it cannot be read, holds no key, or a key that no header can carry.
Result<std::vector<std::string>> read_api_keys(const std::string& path);

// Whether only this machine can connect to an address given as --listen's host.
bool is_loopback(const std::string& host);

}  // namespace ledgerline::app
