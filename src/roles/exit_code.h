// How a command ends: the process' exit code. These are part of the public contract and documented in --help.
#pragma once

#include <string_view>

#include "base/result.h"
#include "db/connect_options.h"

namespace ledgerline::roles {

inline constexpr int exit_ok = 0;
inline constexpr int exit_refused = 1;  // a check failed, or the server or the database refused the operation
inline constexpr int exit_usage = 2;    // bad usage or bad input: nothing was done
// A service cannot be reached or did not return in time; or there is no room for what has to be written.
inline constexpr int exit_unavailable = 3;
inline constexpr int exit_broken = 4;  // the installation must be repaired first: schema, rights, credentials
inline constexpr int exit_interrupted = 130;

// The code of errors that are the caller's fault and were found before anything was done.
inline constexpr std::string_view bad_usage = "bad_usage";

inline int exit_code_of(const Error& error) {
    if (error.code == bad_usage || error.code == db::invalid_database_url) return exit_usage;
    switch (error.disposition) {
        case Disposition::retry:
            return exit_unavailable;
        case Disposition::refuse:
            return exit_refused;
        case Disposition::stop:
            return exit_broken;
    }
    LEDGERLINE_ASSERT(false);
}

}  // namespace ledgerline::roles
