#include "roles/hold_expiry_service.h"

#include "roles/role.h"

namespace ledgerline::roles {

HoldExpiryService::HoldExpiryService(const std::string& database_url, Wakeup& publisher_wakeup, Watchdog& watchdog,
                                     const ProcessContext& context)
    : expiry_(connection_config(database_url, "expiry"), publisher_wakeup, context),
      loop_(watchdog.make_loop("hold-expiry", "hold-expiry", wakeup_, [this] { return expiry_.step(); })) {}

}  // namespace ledgerline::roles
