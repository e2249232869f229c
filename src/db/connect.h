// Opening a libpq session: one host after the other, and one address of a host after the other, each with a time limit
// of its own. Only connection.cpp uses this.
#pragma once

#include "base/result.h"
#include "db/connection.h"
#include "db/session_settings.h"

namespace ledgerline::db {

struct NewSession {
    pg_conn* raw;  // in non-blocking mode, for PQfinish to end
    OpenedSession opened;
};

// The first session that the URL's hosts give and that target_session_attrs allows, set up. Its warnings go to the log.
//
// Each failure says host, address, step and reason; its code and disposition are those of the latest one. A server that
// knows the role or the database not, or not by this password, is the last one that is asked, as libpq has it: the
// others would answer the same. Errors of no server: as of read_connect_options() and set_up_session(), and tls_refused
// (stop).
Result<NewSession> connect(const ConnectionConfig& config);

inline constexpr std::string_view tls_refused = "tls_refused";

}  // namespace ledgerline::db
