// The logs of the private cluster: at most two files of log_bytes_max each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace ledgerline::cluster {

inline constexpr std::uintmax_t log_bytes_max = 16u << 20;

// Opens a log for appending. The caller owns the descriptor.
Result<int> open_log(const std::filesystem::path& path);
// Moves the contents of a log over the limit to path.1 and empties it under its writer.
void rotate_log(const std::filesystem::path& path);
// The end of what was added to a log after its first after_bytes bytes, on one line, for messages.
std::string log_tail(const std::filesystem::path& path, std::uintmax_t after_bytes);
std::uintmax_t log_bytes(const std::filesystem::path& path);

}  // namespace ledgerline::cluster
