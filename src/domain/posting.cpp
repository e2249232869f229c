#include "domain/posting.h"

#include <fmt/format.h>

#include "base/money.h"
#include "base/result.h"

namespace ledgerline {
namespace {

struct Reason {
    Refusal refusal;
    std::string text;
};

// Why the account does not take its effect. No sum overflows: |balance| <= 9*10^15, and the legs of a transaction make
// at most 10^17.
std::optional<Reason> obstacle_of(const Touch& touch) {
    const AccountState& account = *touch.account;
    if (account.suspended && !touch.even_suspended) return Reason{Refusal::account_suspended, "account is suspended"};
    if (touch.currency != account.currency)
        return Reason{Refusal::currency_mismatch,
                      fmt::format("currency mismatch: the account is kept in {}", account.currency)};
    const std::int64_t balance_after = account.balance_cents + touch.net_cents;
    const std::int64_t change = touch.net_cents - touch.held_delta_cents;  // of what is available
    if (change < 0 && balance_after - account.held_cents - touch.held_delta_cents < account.min_balance_cents)
        return Reason{Refusal::insufficient_balance,
                      fmt::format("insufficient balance: {} available, {} needed",
                                  account.balance_cents - account.held_cents - account.min_balance_cents, -change)};
    if (touch.net_cents > 0 && balance_after > balance_cents_max)
        return Reason{Refusal::balance_overflow,
                      fmt::format("balance overflow: the balance may not exceed {}", balance_cents_max)};
    return std::nullopt;
}

}  // namespace

std::string_view code_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::insufficient_balance:
            return "insufficient_balance";
        case Refusal::account_suspended:
            return "account_suspended";
        case Refusal::currency_mismatch:
            return "currency_mismatch";
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
