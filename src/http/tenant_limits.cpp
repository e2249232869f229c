#include "http/tenant_limits.h"

namespace ledgerline::http {

std::optional<WaitSeat> WaitSeat::take(std::shared_ptr<TenantUse> use) {
    if (!use) return WaitSeat(nullptr);
    const std::int64_t before = use->waiters++;
    WaitSeat seat(std::move(use));
    if (seat.use_->limits.waiters_max.value_or(INT64_MAX) <= before) return std::nullopt;
    return seat;
}

}  // namespace ledgerline::http
