// What the limits of a caller's key say to its requests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "api/transaction_request.h"
#include "http/message.h"
#include "http/problem.h"
#include "http/tenant_limits.h"

namespace ledgerline::api {

// Refuses the items that the key may not send (403). Once what they are bound to is known, and before they are taken
// in.
void refuse_beyond_limits(const http::Request& request, BatchItems& items);
// Whether the key may give an account that floor.
std::optional<http::Problem> check_floor(const http::Request& request, std::optional<std::int64_t> min_balance_cents);
// The answer (429) when the key, or the tenant, may not send that many transactions now. tenant: null when it has no
// limits.
std::optional<http::Response> over_rate(const http::Request& request, const BatchItems& items,
                                        const std::shared_ptr<http::TenantUse>& tenant);

}  // namespace ledgerline::api
