// What an SQLSTATE means for payments. This is the one place where database failures are classified.
//
// Source of the codes: PostgreSQL 15 documentation, appendix A.
#pragma once

#include <string_view>

#include "base/result.h"

namespace ledgerline::db {

enum class FailureClass {
    transient,  // an outage: pause and retry, forever
    permanent,  // this row cannot be written: its event is parked
    unknown,    // retried a few times, then treated as permanent
    fatal,      // the installation is broken: the role stops
};

FailureClass classify(std::string_view sqlstate);
std::string_view name_of(FailureClass failure_class);
Disposition disposition_of(FailureClass failure_class);

// Whether the session is gone or could not be opened, as opposed to one statement refused by a working session:
// connection exceptions, and the server's own report that it is shutting down, has crashed or is starting up.
bool is_session_lost(std::string_view sqlstate);

// Whether a session that gave this answer is useless and only a new one may help: it is lost, cannot write (25006:
// after a failover, a new one may reach the server that can), is in another transaction state than its owner assumes,
// or has other prepared statements than its owner has made.
bool is_session_useless(std::string_view sqlstate);

// Five digits and capital letters. A peer that sends anything else in its place does not speak the protocol.
bool is_sqlstate(std::string_view text);

// Whether a failure says nothing about the next try, which may well succeed at once: others held a lock or a
// conflicting row, the process was suspended, or a statement must be prepared again.
bool is_contention(std::string_view sqlstate);

// The codes that code elsewhere sets or compares, by the names of appendix A.
inline constexpr std::string_view in_failed_sql_transaction = "25P02";
inline constexpr std::string_view insufficient_privilege = "42501";
inline constexpr std::string_view invalid_password = "28P01";
inline constexpr std::string_view lock_not_available = "55P03";  // after lock_timeout
inline constexpr std::string_view query_canceled = "57014";      // after statement_timeout
inline constexpr std::string_view character_not_in_repertoire = "22021";
inline constexpr std::string_view unique_violation = "23505";
// Ours: rows have changed since the statement was prepared for them. Raised by demand() in the migrations, and taken
// for a unique_violation of a constraint that place_once names: the place of a lane that is taken.
inline constexpr std::string_view demand_not_met = "LL001";
inline constexpr std::string_view place_once = "_place_once";
// Of failures that the client detects without the server's help.
inline constexpr std::string_view connection_lost = "08006";
inline constexpr std::string_view protocol_violation = "08P01";
inline constexpr std::string_view commit_in_doubt = "40003";
// Not an SQLSTATE: for a transaction that may or may not have been committed.
inline constexpr std::string_view outcome_unknown = "outcome_unknown";

}  // namespace ledgerline::db
