// The settings of `ledgerline up`.
#pragma once

#include <cstdint>
#include <string>

#include "cli/command.h"
#include "observe/log.h"

namespace ledgerline::cli {

struct UpOptions {
    std::string data_dir;
    std::string host;           // an address, or "localhost"
    std::uint16_t port = 0;     // 0: any free one
    std::string database_url;   // empty: a private cluster under data_dir
    std::string api_keys_file;  // empty: open
    bool allow_open = false;    // without keys, also on an address that others can reach
    unsigned http_threads = 0;
    unsigned worker_threads = 0;
    unsigned connections_max = 0;    // of HTTP
    int unknown_attempts_max = 0;    // for an event that fails for an unknown reason, before it is dead-lettered
    milliseconds startup_timeout{};  // for the database to answer for the first time
    milliseconds drain_timeout{};    // of a shutdown
    log::Level log_level = log::Level::info;
    log::Format log_format = log::Format::json;
};

// The settings as they are written.
struct UpTexts {
    std::string data_dir = "ledgerline-data";
    std::string listen = "127.0.0.1:8080";
    std::string database_url;
    std::string api_keys_file;
    bool allow_open = false;
    std::int64_t http_threads = 2;
    std::int64_t worker_threads = 2;
    std::int64_t connections_max = 4096;
    std::int64_t unknown_attempts_max = 5;
    milliseconds startup_timeout{60'000};
    milliseconds drain_timeout{20'000};
    std::string log_level = "info";
    std::string log_format = "auto";
};

void declare_up_options(Command& command, UpTexts& texts);

// Error bad_usage: --listen is not HOST:PORT.
Result<UpOptions> up_options_of(const UpTexts& texts);

}  // namespace ledgerline::cli
