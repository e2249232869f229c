// Accounts are named on the command line by their id or by their reference.
#pragma once

#include <string>

#include "cli/server.h"

namespace ledgerline::cli {

// The id of the account whose id or reference that is. Error account_not_found where no account has that reference;
// whether an id exists is not asked.
Result<std::string> resolve_account(Server& server, const std::string& id_or_reference);

}  // namespace ledgerline::cli
