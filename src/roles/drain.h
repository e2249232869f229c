// The last step of a process that runs all roles: what it accepted is applied before it ends.
#pragma once

#include "roles/role.h"

namespace ledgerline::roles {

// Waits until everything accepted is applied, nothing moves any longer, or the process' drain_max() has passed. Returns
// how many events are left, as far as the database can say.
std::int64_t drain(RoleProcess& process, const std::string& database_url, int lanes);

}  // namespace ledgerline::roles
