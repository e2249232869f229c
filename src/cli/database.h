// The database that a command works on, and its session.
#pragma once

#include <string>

#include "cli/command.h"
#include "db/connection.h"

namespace ledgerline::cli {

struct DatabaseOptions {
    std::string url;
    std::string data_dir;
};

// A flag for a database URL.
void declare_database_url_option(const OptionText& text, Command& command, std::string& url);

// --database-url (DATABASE_URL) and --data-dir.
void declare_database_options(Command& command, DatabaseOptions& options);

// The URL given, or that of the private cluster under the data directory. Error bad_usage: neither was given.
Result<std::string> database_url_of(const DatabaseOptions& options);

// The URL of the private cluster under data_dir. Error bad_usage, which names the flag, when there is none.
Result<std::string> own_database_url(const std::string& data_dir);

// Opens a session for a command. statement_timeout bounds each statement.
Result<db::Connection> connect(const DatabaseOptions& options, milliseconds statement_timeout);

}  // namespace ledgerline::cli
