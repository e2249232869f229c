// TableAudit: the checks that go by the keys of a table and not by a lane's sequence: accounts with their balances,
// holds and changes; holds; the steps of holds and of reversals. Each statement reads one window.
#pragma once

#include <concepts>
#include <cstdint>

#include "audit/lane_audit.h"
#include "audit/verify.h"
#include "audit/verify_report.h"
#include "db/connection.h"
#include "sql/queries.h"

namespace ledgerline::audit {

class TableAudit {
public:
    // deviations: what the lanes' audits found. All must outlive this.
    TableAudit(db::Connection& connection, const VerifySettings& settings, const Deviations& deviations,
               VerifyReport& report)
        : connection_(connection), settings_(settings), deviations_(deviations), report_(report) {}

    Result<void> run();

private:
    Result<void> check_accounts();
    Result<void> check_holds();
    Result<void> check_hold_steps();
    Result<void> check_reversal_steps();
    Result<void> check_changes(const Uuid& after, const Uuid& last);
    void check_account(const sql::AuditBalances::Row& account);
    // Calls take(row) for all rows of a table, read by window(last row read; nullptr at first).
    template <class Call>
    Result<void> by_windows(std::invocable<const typename Call::Row*> auto window,
                            std::invocable<const typename Call::Row&> auto take);

    db::Connection& connection_;
    const VerifySettings& settings_;
    const Deviations& deviations_;
    VerifyReport& report_;
};

}  // namespace ledgerline::audit
