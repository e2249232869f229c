// Where another process of ours serves, by how it was started: for a health check that lies beside it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ledgerline::cli {

// The URL for --listen in arguments, or for LEDGERLINE_LISTEN in environment, or else for port 8080. Both as in
// /proc/PID: texts that end with a null byte. All addresses (0.0.0.0, [::]) are called on loopback.
std::string url_of_listener(std::string_view arguments, std::string_view environment);

// Of the process with that id. Error bad_usage: it is not there, or not this user's.
Result<std::string> url_of_process(std::int64_t pid);

}  // namespace ledgerline::cli
