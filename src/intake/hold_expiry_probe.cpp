#include "intake/hold_expiry_probe.h"

#include <utility>

#include "observe/log.h"

namespace ledgerline::intake {

void HoldExpiryProbe::database_away(const Error& error) {
    if (std::exchange(away_, true)) return;
    log::warn("holds cannot be expired at the moment", {{"code", error.code}, {"reason", error.message}});
}

void HoldExpiryProbe::database_answered() {
    if (std::exchange(away_, false)) log::info("holds are expired again");
}

}  // namespace ledgerline::intake
