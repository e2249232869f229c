// ConnectOptions: what a database URL asks for, with everything libpq adds to it: PG* variables, service files,
// defaults. Source of the rules: PostgreSQL 15 documentation, 34.1.1 and 34.1.2.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::db {

// The code for a URL that libpq refuses or cannot complete: no connection was tried.
inline constexpr std::string_view invalid_database_url = "invalid_database_url";

// One host of the URL. Any member may be "", which means libpq's default.
struct ConnectTarget {
    std::string host;      // a name, an address, or the directory of a Unix socket
    std::string hostaddr;  // the address, when no lookup is needed
    std::string port;

    bool is_socket() const {
        return hostaddr.empty() && (host.empty() || host.starts_with('/') || host.starts_with('@'));
    }
    std::string to_string() const;  // "db1:5432"
};

struct ConnectOptions {
    std::map<std::string, std::string> settings;  // the same for each host, password included; not those below
    std::vector<ConnectTarget> targets;           // at least one
    std::optional<milliseconds> connect_timeout;  // for one address; at least 2 s, as in libpq
    std::string target_session_attrs;             // "" when none was asked for
    std::string server_options;                   // options=, or PGOPTIONS: "-c search_path=ledger"
};

// Connects to nothing and looks nothing up. Error invalid_database_url (stop) with libpq's own reason, which repeats
// nothing that may be a password. Thread-safe.
Result<ConnectOptions> read_connect_options(const std::string& url);

// reason without anything it quotes from where a password may be in the URL.
std::string without_secrets(std::string_view reason, std::string_view url);

// Each setting that server options ask for ("-c name=value", "--name=value"), in order. Nothing when they ask for
// anything else as well.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_server_options(std::string_view options);

}  // namespace ledgerline::db
