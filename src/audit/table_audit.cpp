#include "audit/table_audit.h"

#include <fmt/format.h>

#include <optional>

namespace ledgerline::audit {
namespace {

constexpr Uuid kFirst{};
// After all ids that there are.
constexpr Uuid kLast = [] {
    Uuid id;
    id.bytes.fill(0xff);
    return id;
}();

}  // namespace

Result<void> TableAudit::run() {
    LEDGERLINE_CHECK(check_accounts());
    LEDGERLINE_CHECK(check_holds());
    LEDGERLINE_CHECK(check_hold_steps());
    return check_reversal_steps();
}

template <class Call>
Result<void> TableAudit::by_windows(std::invocable<const typename Call::Row*> auto window,
                                    std::invocable<const typename Call::Row&> auto take) {
    std::optional<typename Call::Row> last;
    while (true) {
        LEDGERLINE_TRY(auto rows, connection_.query(window(last ? &*last : nullptr)));
        for (const auto& row : rows) take(row);
        if (std::ssize(rows) < settings_.stretch_seqs) return {};
        last = std::move(rows.back());
    }
}

// Accounts -----------------------------------------------------------------------------------------------------------

Result<void> TableAudit::check_accounts() {
    const std::int64_t window = settings_.stretch_seqs;
    for (Uuid after = kFirst; after != kLast;) {
        LEDGERLINE_TRY(const auto accounts, connection_.query(sql::AuditBalances{after, window}));
        for (const auto& account : accounts) check_account(account);
        const Uuid last = std::ssize(accounts) < window ? kLast : accounts.back().account_id;
        LEDGERLINE_CHECK(check_changes(after, last));
        after = last;
    }
    return {};
}

void TableAudit::check_account(const sql::AuditBalances::Row& account) {
    report_.examine(Check::balances);
    const auto say = [&](Check check, std::int64_t seq, std::string detail) {
        report_.violate(check, {account.lane, seq, account.account_id.to_string(), std::move(detail)});
    };
    if (!account.lane_exists) say(Check::balances, 0, "the account's lane does not exist");
    if (account.decided_lane && account.decided_lane != account.lane)
        say(Check::balances, 0, fmt::format("the account's latest decision is in lane {}", *account.decided_lane));
    if (const auto deviation = deviations_.find(account.account_id); deviation != deviations_.end())
        say(Check::balances, 0,
            fmt::format("the account's balance is {}, but its entries make {}", account.balance_cents,
                        account.balance_cents - deviation->second));
    if (account.held_cents != account.open_cents)
        say(Check::holds, account.decided_seq.value_or(0),
            fmt::format("the account holds {}, but its open holds make {}", account.held_cents, account.open_cents));
}

Result<void> TableAudit::check_changes(const Uuid& after, const Uuid& last) {
    const auto listed_max = static_cast<std::int64_t>(settings_.listed_max) + 1;
    LEDGERLINE_TRY(const auto wrong, connection_.query(sql::AuditWrongChanges{after, last, listed_max}));
    for (const auto& row : wrong)
        report_.violate(Check::settings, {row.lane, row.seq, row.account_id.to_string(), row.detail});
    return {};
}

// Holds and reversals ------------------------------------------------------------------------------------------------

Result<void> TableAudit::check_holds() {
    using Holds = sql::AuditHolds;
    return by_windows<Holds>(
        [&](const Holds::Row* last) { return Holds{last ? last->hold_id : kFirst, settings_.stretch_seqs}; },
        [&](const Holds::Row& hold) {
            report_.examine(Check::holds);
            if (hold.overdue)
                report_.violate(Check::halts, {hold.lane, hold.seq, hold.hold_id.to_string(),
                                               "the hold has expired, but is still open"});
        });
}

Result<void> TableAudit::check_hold_steps() {
    using Steps = sql::AuditHoldSteps;
    return by_windows<Steps>(
        [&](const Steps::Row* last) {
            return Steps{last ? last->hold_id : kFirst, last ? last->seq : 0, settings_.stretch_seqs};
        },
        [&](const Steps::Row& step) {
            if (step.detail)
                report_.violate(Check::holds,
                                {step.lane.value_or(-1), step.seq, step.hold_id.to_string(), *step.detail});
        });
}

Result<void> TableAudit::check_reversal_steps() {
    using Steps = sql::AuditReversalSteps;
    return by_windows<Steps>(
        [&](const Steps::Row* last) {
            return Steps{last ? last->reversed_id : kFirst, last ? last->seq : 0, settings_.stretch_seqs};
        },
        [&](const Steps::Row& step) {
            if (step.stray)
                report_.violate(Check::links,
                                {-1, step.seq, step.transaction_id.to_string(), "the step is of no reversal"});
        });
}

}  // namespace ledgerline::audit
