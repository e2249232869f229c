// Changes an account's settings, at one point of its lane, and records who did that and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/header_fields.h"
#include "api/records.h"
#include "base/result.h"
#include "base/uuid.h"
#include "db/connection.h"

namespace ledgerline::api {

// What is to be: whatever it does not name stays.
struct AccountChange {
    std::optional<std::string> status;
    std::optional<std::int64_t> min_balance_cents;
    bool sets_ceiling = false;
    std::optional<std::int64_t> max_balance_cents;  // nothing: no ceiling
    bool sets_metadata = false;
    std::optional<std::string> metadata;  // JSON; nothing: none
    std::optional<std::string> reason;

    bool changes_nothing() const { return !status && !min_balance_cents && !sets_ceiling && !sets_metadata; }
};

struct ChangedAccount {
    // Why nothing was changed: closed_is_final, account_not_empty, limits_crossed. Empty when it was, or was so before.
    std::string obstacle;
    AccountRecord account;  // as it is now
};

// All of it or nothing. Decisions in the account's lane up to the applied seq that is recorded were made before the
// change, all later ones after it. It is in the audit under that id. Safe to repeat: what is so already is not changed
// and not recorded again. Empty when there is no such account.
Result<std::optional<ChangedAccount>> change_account(db::Connection& connection, const Uuid& id,
                                                     const AccountChange& change, const Caller& caller,
                                                     const Uuid& audit_id);

}  // namespace ledgerline::api
