#include "audit/wrong_refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include "base/money.h"

namespace ledgerline::audit {
namespace {

// Follows from the state of another transaction, which Check::holds and Check::links compare.
bool is_of_another(const std::string& code) {
    return code == "parent_undecided" || code == "hold_failed" || code == "hold_closed" || code == "hold_expired" ||
           code == "capture_exceeds_hold" || code == "transaction_failed" || code == "reversal_exceeds_transaction" ||
           code == "previous_failed";
}

// One of the accounts justifies it. That is judged at the place of the first one; all others were decided like that.
std::string wrong_refusal_of_transfer(const AuditedDecision& decision,
                                      const std::optional<sql::AuditTransfers::Row>& whole) {
    const std::string& code = decision.failure_code;
    if (is_of_another(code)) return "";
    constexpr std::string_view kKnown[] = {"insufficient_balance", "balance_overflow",  "balance_limit_exceeded",
                                           "currency_mismatch",    "account_suspended", "account_closed"};
    if (std::ranges::find(kKnown, code) == std::end(kKnown))
        return fmt::format("refused for an unknown reason '{}'", code);
    if (!whole || whole->places == 0 || whole->justified) return "";
    return fmt::format("refused for '{}', but none of its {} accounts justifies that", code, whole->places);
}

// A suspended account takes what gives back.
std::string wrong_refusal_for_status(const AuditedPlace& place, const std::string& status) {
    const bool suspended = place.decision->failure_code == "account_suspended";
    if (suspended ? status == "SUSPENDED" && place.transaction->type != "RELEASE" : status == "CLOSED") return "";
    return fmt::format("refused for '{}', but the account was {}", place.decision->failure_code, status);
}

std::string wrong_refusal_for_balance(const AuditedPlace& place, std::int64_t balance_cents) {
    const AuditedDecision& decision = *place.decision;
    const std::int64_t balance_after = add(balance_cents, place.net_cents);
    if (decision.failure_code == "insufficient_balance") {
        const bool hold = place.transaction->type == "HOLD";
        const std::int64_t change = hold ? -place.transaction->amount_cents : place.net_cents;
        const std::int64_t available_after = add(add(balance_cents, -decision.held_after_cents), change);
        if (change < 0 && available_after < decision.floor_cents) return "";
        return fmt::format("refused for insufficient balance, but {} from {} keeps the floor {}", change, balance_cents,
                           decision.floor_cents);
    }
    const bool own = decision.failure_code == "balance_limit_exceeded";
    const auto ceiling = own ? decision.ceiling_cents : std::optional(balance_cents_max);
    if (place.net_cents > 0 && ceiling && balance_after > *ceiling) return "";
    return fmt::format("refused for {}, but the balance would have been {}",
                       own ? "the account's ceiling" : "balance overflow", balance_after);
}

}  // namespace

std::int64_t add(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

std::string wrong_refusal(const AuditedPlace& place, const std::string& account_currency, std::int64_t balance_cents,
                          const AuditedSettings& settings) {
    const std::string& code = place.decision->failure_code;
    if (code == "discarded")
        return place.verdict == "discard" ? "" : "refused as discarded at a place that discards no dead letter";
    if (place.has_legs()) return wrong_refusal_of_transfer(*place.decision, place.whole);
    if (code == "account_suspended" || code == "account_closed")
        return wrong_refusal_for_status(place, settings.status);
    if (place.transaction->moves_nothing() && is_of_another(code)) return "";
    if (code == "insufficient_balance" || code == "balance_overflow" || code == "balance_limit_exceeded")
        return wrong_refusal_for_balance(place, balance_cents);
    if (code == "currency_mismatch")
        return place.transaction->currency != account_currency
                   ? ""
                   : fmt::format("refused for its currency, but both are {}", account_currency);
    return fmt::format("refused for an unknown reason '{}'", code);
}

}  // namespace ledgerline::audit
