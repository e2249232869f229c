// Opens a libpq session: tries one host after another, and each address of a host in turn, each with its own time
// limit. Only connection.cpp uses this.
#pragma once

#include "base/result.h"
#include "db/connection.h"
#include "db/session_settings.h"

namespace ledgerline::db {

struct NewSession {
    pg_conn* raw;  // in non-blocking mode; the caller closes it with PQfinish
    OpenedSession opened;
};

// Sets up the first session that the URL's hosts give and that target_session_attrs allows. Its warnings go to the log.
//
// Each failure gives host, address, step and reason; its code and disposition are those of the latest failure. A server
// that does not know the role or the database, or refuses the password, ends the search, as in libpq: the others would
// answer the same. Errors that come from no server: those of read_connect_options() and set_up_session(), and
// tls_refused (stop).
Result<NewSession> connect(const ConnectionConfig& config);

inline constexpr std::string_view tls_refused = "tls_refused";

}  // namespace ledgerline::db
