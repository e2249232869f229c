// Applies settings to each session when it is opened, and checks them in another transaction: no limit is lost
// silently.
//
// Everything is set by statements, not in the startup packet, which poolers refuse or drop.
#pragma once

#include "db/connect_options.h"
#include "db/connection.h"

namespace ledgerline::db {

// Sets and checks. Errors apart from the server's own, all stop:
//   wrong_encoding   the database does not keep text as UTF-8
//   shared_session   a setting is gone in the next transaction: a pooler gives each transaction another session
//   setting_refused  an option of the URL cannot be set
// options_sent: whether the startup packet carried the server options.
Result<OpenedSession> set_up_session(pg_conn* raw, const ConnectionConfig& config, const ConnectOptions& options,
                                     bool options_sent, SteadyTime deadline);

inline constexpr std::string_view wrong_encoding = "wrong_encoding";
inline constexpr std::string_view shared_session = "shared_session";
inline constexpr std::string_view setting_refused = "setting_refused";

// Whether a pooler shares first's session with others: if a pooler is in between, opens a second session with the same
// config and watches both sessions' server processes. Error shared_session (stop), or why the second one could not be
// opened.
Result<void> check_own_session(Connection& first, const ConnectionConfig& config);

}  // namespace ledgerline::db
