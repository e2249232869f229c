#include "api/account_change.h"

#include <utility>

#include "sql/queries.h"

namespace ledgerline::api {

Result<std::optional<ChangedAccount>> change_account(db::Connection& connection, const Uuid& id,
                                                     const AccountChange& change, const Caller& caller,
                                                     const Uuid& audit_id) {
    const std::string changed_by = caller.name();
    LEDGERLINE_TRY(const auto results,
                   connection.commit_pipeline({{db::begin, {}},
                                               sql::ApiLockApplyLaneOfAccount{id, caller.tenant},
                                               sql::ApiChangeAccount{.id = id,
                                                                     .status = change.status,
                                                                     .min_balance_cents = change.min_balance_cents,
                                                                     .sets_ceiling = change.sets_ceiling,
                                                                     .max_balance_cents = change.max_balance_cents,
                                                                     .sets_metadata = change.sets_metadata,
                                                                     .metadata = change.metadata,
                                                                     .reason = change.reason,
                                                                     .changed_by = changed_by,
                                                                     .operator_name = caller.operator_name,
                                                                     .key_id = caller.key_id,
                                                                     .request_id = caller.request_id,
                                                                     .audit_id = audit_id,
                                                                     .peer = caller.peer,
                                                                     .tenant = caller.tenant},
                                               // The answer promises what an earlier call may have changed.
                                               sql::DbSessionDurableMark{},
                                               sql::ApiAccountById{id, caller.tenant},
                                               {db::commit, {}}}));
    auto changed = db::rows_of<sql::ApiChangeAccount>(results[2]);
    auto accounts = db::rows_of<sql::ApiAccountById>(results[4]);
    if (changed.empty() || accounts.empty()) return std::nullopt;
    return ChangedAccount{std::move(changed.front().obstacle).value_or(""), std::move(accounts.front())};
}

}  // namespace ledgerline::api
