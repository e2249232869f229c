#include "intake/hold_expiry_probe.h"

#include <utility>

#include "observe/log.h"

namespace ledgerline::intake {
namespace {

constexpr std::chrono::minutes kRefusalLogInterval{1};

}  // namespace

void HoldExpiryProbe::database_away(const Error& error) {
    if (std::exchange(away_, true)) return;
    log::warn("holds cannot be expired at the moment", {{"code", error.code}, {"reason", error.message}});
}

void HoldExpiryProbe::database_answered() {
    if (std::exchange(away_, false)) log::info("holds are expired again");
}

void HoldExpiryProbe::refused(const Uuid& hold_id, const Error& error) {
    const SteadyTime now = clock_.steady_now();
    if (refusal_logged_at_ && now - *refusal_logged_at_ < kRefusalLogInterval) return;
    refusal_logged_at_ = now;
    log::error("the database refuses to expire a hold",
               {{"hold_id", hold_id}, {"code", error.code}, {"reason", error.message}});
}

}  // namespace ledgerline::intake
