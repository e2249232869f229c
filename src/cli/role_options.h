// The settings of the commands that run roles, by subject: a role declares the subjects that concern it.
//
// Each declare_ function adds the flags of one subject to a command; the target holds the defaults and, after parsing,
// the settings. It must outlive the parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "http/network.h"
#include "observe/log.h"

namespace ledgerline::cli {

struct ListenOptions {
    std::string host = "127.0.0.1";  // an address or a name
    std::uint16_t port = 0;          // 0: any free one
    std::int64_t http_threads = 2;
    std::int64_t connections_max = 4096;
    std::int64_t connections_per_address = 0;         // 0: half of them
    std::vector<http::Network> trusted_proxies = {};  // have no such share
    milliseconds idle_timeout{75'000};                // between requests of a connection
    std::string probe_host = {};                      // where probes are answered besides; empty: nowhere else
    std::uint16_t probe_port = 0;
};
// what: what is served there.
void declare_listen(Command& command, ListenOptions& options, const std::string& what);

// For a role that serves more than its probes.
void declare_probe_listen(Command& command, ListenOptions& options);

struct AdmissionOptions {
    std::string api_keys_file;  // empty: open
    bool allow_open = false;    // without keys, also on an address that others can reach
};
void declare_admission(Command& command, AdmissionOptions& options);

// The database of a role that has none of its own.
void declare_role_database(Command& command, std::string& url);

struct ApplyOptions {
    std::int64_t worker_threads = 2;
    std::int64_t unknown_attempts_max = 5;  // for an event that fails for an unknown reason, before it is dead-lettered
};
void declare_apply(Command& command, ApplyOptions& options);

struct TimeoutOptions {
    milliseconds startup{60'000};  // for the database to answer for the first time
    milliseconds drain{20'000};    // of a shutdown
    milliseconds stall{180'000};   // of one step of a loop, before the process gives itself up
    // Between not being ready any more and closing the doors. Nothing: as the address wants it.
    std::optional<milliseconds> shutdown_delay;
    // How long those who look at /readyz take to notice, where others than this machine's programs look.
    static constexpr milliseconds shutdown_delay_default{5'000};
};
// The stall timeout only for roles that have loops.
void declare_timeouts(Command& command, TimeoutOptions& options, bool has_loops);

// What becomes of the rights of a process that was started as root.
struct RightsOptions {
    std::string run_as;  // the user to become; empty: as give_up_root() finds it
};
void declare_rights(Command& command, RightsOptions& options);

struct LogOptions {
    std::string level = "info";
    std::string format = "auto";
};
void declare_log(Command& command, LogOptions& options);
// Makes them the process's.
void configure_log(const LogOptions& options);

}  // namespace ledgerline::cli
