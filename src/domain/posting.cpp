#include "domain/posting.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/money.h"
#include "base/result.h"

namespace ledgerline {
namespace {

struct Reason {
    Refusal refusal;
    std::string text;
};

std::optional<Reason> obstacle_of_status(const AccountState& account, bool even_suspended) {
    if (account.status == AccountStatus::closed) return Reason{Refusal::account_closed, "account is closed"};
    if (account.status == AccountStatus::suspended && !even_suspended)
        return Reason{Refusal::account_suspended, "account is suspended"};
    return std::nullopt;
}

// A ceiling that has been lowered below the balance is met by what does not raise it.
std::optional<Reason> obstacle_of_rise(const AccountState& account, std::int64_t balance_after) {
    if (account.max_balance_cents && balance_after > *account.max_balance_cents)
        return Reason{Refusal::balance_limit_exceeded,
                      fmt::format("balance limit exceeded: the balance would be {}, and may not exceed {}",
                                  balance_after, *account.max_balance_cents)};
    if (balance_after > balance_cents_max)
        return Reason{Refusal::balance_overflow,
                      fmt::format("balance overflow: the balance may not exceed {}", balance_cents_max)};
    return std::nullopt;
}

// Why the account does not take its effect. No sum overflows: |balance| <= 9*10^15, and the legs of a transaction make
// at most 10^17.
std::optional<Reason> obstacle_of(const Touch& touch) {
    const AccountState& account = *touch.account;
    if (auto reason = obstacle_of_status(account, touch.even_suspended)) return reason;
    if (touch.currency != account.currency)
        return Reason{Refusal::currency_mismatch,
                      fmt::format("currency mismatch: the account is kept in {}", account.currency)};
    const std::int64_t balance_after = account.balance_cents + touch.net_cents;
    const std::int64_t change = touch.net_cents - touch.held_delta_cents;  // of what is available
    if (change < 0 && balance_after - account.held_cents - touch.held_delta_cents < account.min_balance_cents) {
        // None when the floor was raised above the balance.
        const std::int64_t available =
            std::max<std::int64_t>(0, account.balance_cents - account.held_cents - account.min_balance_cents);
        return Reason{Refusal::insufficient_balance,
                      fmt::format("insufficient balance: {} available, {} needed", available, -change)};
    }
    return touch.net_cents > 0 ? obstacle_of_rise(account, balance_after) : std::nullopt;
}

constexpr std::pair<AccountStatus, std::string_view> kStatuses[] = {
    {AccountStatus::active, "ACTIVE"},
    {AccountStatus::suspended, "SUSPENDED"},
    {AccountStatus::closed, "CLOSED"},
};

}  // namespace

std::string_view name_of(AccountStatus status) {
    return std::ranges::find(kStatuses, status, &std::pair<AccountStatus, std::string_view>::first)->second;
}

std::optional<AccountStatus> parse_account_status(std::string_view name) {
    const auto* const found = std::ranges::find(kStatuses, name, &std::pair<AccountStatus, std::string_view>::second);
    return found == std::end(kStatuses) ? std::nullopt : std::optional(found->first);
}

std::string_view code_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::insufficient_balance:
            return "insufficient_balance";
        case Refusal::account_suspended:
            return "account_suspended";
        case Refusal::account_closed:
            return "account_closed";
        case Refusal::currency_mismatch:
            return "currency_mismatch";
        case Refusal::balance_limit_exceeded:
            return "balance_limit_exceeded";
        case Refusal::balance_overflow:
            return "balance_overflow";
        case Refusal::discarded:
            return "discarded";
        case Refusal::parent_undecided:
            return "parent_undecided";
        case Refusal::hold_failed:
            return "hold_failed";
        case Refusal::hold_closed:
            return "hold_closed";
        case Refusal::hold_expired:
            return "hold_expired";
        case Refusal::capture_exceeds_hold:
            return "capture_exceeds_hold";
        case Refusal::transaction_failed:
            return "transaction_failed";
        case Refusal::reversal_exceeds_transaction:
            return "reversal_exceeds_transaction";
        case Refusal::previous_failed:
            return "previous_failed";
    }
    LEDGERLINE_ASSERT(false);
}

std::vector<Posting> refuse(std::span<const Touch> touches, Refusal refusal, const std::string& reason) {
    std::vector<Posting> postings;
    postings.reserve(touches.size());
    for (const Touch& touch : touches)
        postings.push_back({refusal, touch.account->balance_cents, reason, 0, touch.account->held_cents});
    return postings;
}

std::vector<Posting> post(std::span<const Touch> touches) {
    for (const Touch& touch : touches) {
        auto reason = obstacle_of(touch);
        if (!reason) continue;
        if (touches.size() > 1)
            reason->text = fmt::format("account {}: {}", touch.account->id.to_string(), reason->text);
        return refuse(touches, reason->refusal, reason->text);
    }
    std::vector<Posting> postings;
    postings.reserve(touches.size());
    for (const Touch& touch : touches) {
        touch.account->balance_cents += touch.net_cents;
        touch.account->held_cents += touch.held_delta_cents;
        postings.push_back(
            {std::nullopt, touch.account->balance_cents, {}, touch.held_delta_cents, touch.account->held_cents});
    }
    return postings;
}

std::vector<Posting> discard(std::span<const Touch> touches) {
    return refuse(touches, Refusal::discarded, "discarded: its dead letter was discarded");
}

}  // namespace ledgerline
