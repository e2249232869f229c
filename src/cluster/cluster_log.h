// The logs of the private cluster: at most two files of log_bytes_max each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace ledgerline::cluster {

inline constexpr std::uintmax_t log_bytes_max = 16u << 20;

// Opens a log for appending. The descriptor is the caller's; -1 with the reason as an error.
Result<int> open_log(const std::filesystem::path& path);
// Moves what a log over the limit holds to path.1 and empties it under its writer.
void rotate_log(const std::filesystem::path& path);
// The end of what was added to a log after its first so many bytes, on one line, for messages.
std::string log_tail(const std::filesystem::path& path, std::uintmax_t after_bytes);
std::uintmax_t log_bytes(const std::filesystem::path& path);

}  // namespace ledgerline::cluster
