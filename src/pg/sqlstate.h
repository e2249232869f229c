// What an SQLSTATE means for the flow of money. This is the one place where database failures are classified.
//
// Source of the codes: PostgreSQL 15 documentation, appendix A.
#pragma once

#include <string_view>

#include "base/result.h"

namespace ledgerline::pg {

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

// Codes of failures that the client sees without the server's help.
inline constexpr std::string_view connection_lost = "08006";
inline constexpr std::string_view call_timed_out = "57014";

}  // namespace ledgerline::pg
