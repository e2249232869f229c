// Small files that hold keys and settings.
#pragma once

#include <string>

#include "base/result.h"

namespace ledgerline::roles {

inline constexpr std::size_t config_file_bytes_max = 1024 * 1024;

// The complete text of a file, or of a pipe up to its end. flag is the option that named it: "--api-key-file". Error
// bad_usage, which gives the flag, the path and the reason: it is missing or may not be read, is a directory, is over
// config_file_bytes_max, or is empty.
Result<std::string> read_config_file(const std::string& flag, const std::string& path);

// Refuses a file that holds a secret and that everybody on this machine can read (bad_usage). A pipe is nobody else's.
Result<void> check_secret_file(const std::string& flag, const std::string& path);
// Both.
Result<std::string> read_secret_file(const std::string& flag, const std::string& path);

}  // namespace ledgerline::roles
