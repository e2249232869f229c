// Small files that hold keys and settings.
#pragma once

#include <string>

#include "base/result.h"

namespace ledgerline::roles {

inline constexpr std::size_t config_file_bytes_max = 1024 * 1024;

// The whole text of a file, or of a pipe to its end. flag is what named it: "--api-key-file". Error bad_usage, which
// names the flag, the path and the reason: it is missing or may not be read, is a directory, is over
// config_file_bytes_max, or is empty.
Result<std::string> read_config_file(const std::string& flag, const std::string& path);

}  // namespace ledgerline::roles
