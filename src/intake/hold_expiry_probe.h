// HoldExpiryProbe: what others can see of the expiry of holds: its log lines. Not thread-safe.
#pragma once

#include "base/result.h"

namespace ledgerline::intake {

class HoldExpiryProbe {
public:
    // Only changes are logged.
    void database_away(const Error& error);
    void database_answered();

private:
    bool away_ = false;
};

}  // namespace ledgerline::intake
