// What an SQLSTATE means for the flow of money. This is the one place where database failures are classified.
//
// Source of the codes: PostgreSQL 15 documentation, appendix A.
#pragma once

#include <string_view>

#include "base/result.h"

namespace ledgerline::db {

enum class FailureClass {
    transient,  // an outage: pause and try again, for ever
    permanent,  // this row cannot be written: its event goes to the dead letters
    unknown,    // tried again a few times, then treated as permanent
    fatal,      // the installation is broken: the role stops
};

FailureClass classify(std::string_view sqlstate);
std::string_view name_of(FailureClass failure_class);
Disposition disposition_of(FailureClass failure_class);

// Whether the session is gone or could not be had, rather than one statement refused by a working session: connection
// exceptions, and the server's own word that it shuts down, has crashed or starts up.
bool is_session_lost(std::string_view sqlstate);

// Whether a session that answered this is of no use, and only a new one may help: it is lost, cannot write (25006: the
// new one may reach the server that can, after a failover), is in another transaction state than its owner takes it to
// be, or has other prepared statements than its owner has made.
bool is_session_useless(std::string_view sqlstate);

// Five digits and capital letters. Anything else in its place is a peer that does not speak the protocol.
bool is_sqlstate(std::string_view text);

// Codes of failures that the client sees without the server's help.
inline constexpr std::string_view connection_lost = "08006";
inline constexpr std::string_view protocol_violation = "08P01";
inline constexpr std::string_view commit_in_doubt = "40003";
// No SQLSTATE: of a transaction that may have been committed.
inline constexpr std::string_view outcome_unknown = "outcome_unknown";

}  // namespace ledgerline::db
