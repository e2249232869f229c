// The chains of the audit: each row's hash covers the row and the hash before it.
#pragma once

#include <cstdint>

#include "audit/verify_report.h"
#include "base/result.h"
#include "db/connection.h"

namespace ledgerline::audit {

// Reads each chain up to the end that is kept of it, stretch rows at a time.
Result<void> check_chains(db::Connection& connection, std::int64_t stretch, VerifyReport& report);

}  // namespace ledgerline::audit
