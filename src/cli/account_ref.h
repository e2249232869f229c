// Accounts are named on the command line by id or by reference.
#pragma once

#include <string>

#include "cli/server.h"

namespace ledgerline::cli {

// The id of the account with that id or reference. Error account_not_found when no account has the reference; whether
// an id exists is not checked.
Result<std::string> resolve_account(Server& server, const std::string& id_or_reference);

}  // namespace ledgerline::cli
