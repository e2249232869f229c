// Whether a refusal was right at its point in the lane: the rules of the API contract, once more. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "audit/audited_place.h"

namespace ledgerline::audit {

// Wrong rows may hold any number: the sum is clamped to the range instead of overflowing.
std::int64_t add(std::int64_t a, std::int64_t b);

// Why the refusal was wrong; empty when it was right. place: refused. balance_cents: what its account's entries make
// before it; settings: the account's at that place.
std::string wrong_refusal(const AuditedPlace& place, const std::string& account_currency, std::int64_t balance_cents,
                          const AuditedSettings& settings);

}  // namespace ledgerline::audit
