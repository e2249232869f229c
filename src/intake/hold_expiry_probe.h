// HoldExpiryProbe: what others can see of the expiry of holds: its log lines. The clock must outlive it. Not
// thread-safe.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "base/uuid.h"

namespace ledgerline::intake {

class HoldExpiryProbe {
public:
    explicit HoldExpiryProbe(const Clock& clock) : clock_(clock) {}

    // Only changes are logged.
    void database_away(const Error& error);
    void database_answered();
    void refused(const Uuid& hold_id, const Error& error);  // logged once a minute

private:
    const Clock& clock_;
    bool away_ = false;
    std::optional<SteadyTime> refusal_logged_at_;
};

}  // namespace ledgerline::intake
