// HoldExpiryService: the expiry of holds with everything it needs, on its own thread.
#pragma once

#include <string>

#include "base/loop.h"
#include "intake/hold_expiry.h"
#include "roles/lifecycle.h"
#include "roles/watchdog.h"

namespace ledgerline::roles {

class HoldExpiryService final : public Service {
public:
    // Everything must outlive the service.
    HoldExpiryService(const std::string& database_url, Wakeup& publisher_wakeup, Watchdog& watchdog,
                      const ProcessContext& context);

    void start() override { loop_.start(); }
    void stop() override { loop_.stop(); }

private:
    intake::HoldExpiry expiry_;
    Wakeup wakeup_;  // due holds come with time: only stop() notifies it
    LoopThread loop_;
};

}  // namespace ledgerline::roles
