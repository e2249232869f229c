// Opening a libpq session with a deadline. Only connection.cpp uses this.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "pg/connection.h"

namespace ledgerline::pg {

// A session in non-blocking mode, for PQfinish to end. Its warnings go to the log. A URL that libpq does not take is
// refused (code "invalid_database_url", Disposition::stop) without repeating it, as it may hold a password.
Result<pg_conn*> connect(const ConnectionConfig& config);

// Waits until the session's socket is ready for one of the poll() events. False when the deadline passes first.
bool wait_socket(pg_conn* raw, short events, SteadyTime deadline);

// libpq's messages end in a newline and may have more within.
std::string one_line(const char* message);

// The Error of an SQLSTATE.
Error error_of(std::string_view sqlstate, std::string message);

}  // namespace ledgerline::pg
