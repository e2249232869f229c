#include "domain/posting.h"

#include <fmt/format.h>

#include "base/money.h"

namespace ledgerline {
namespace {

Posting refuse(Refusal refusal, const AccountState& account, std::string reason) {
    return {refusal, account.balance_cents, std::move(reason)};
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
    }
    LEDGERLINE_ASSERT(false);
}

Posting post(const Event& event, AccountState& account) {
    LEDGERLINE_ASSERT(event.account_id == account.id);
    if (account.suspended) return refuse(Refusal::account_suspended, account, "account is suspended");
    if (event.currency != account.currency)
        return refuse(Refusal::currency_mismatch, account,
                      fmt::format("currency mismatch: the account is kept in {}", account.currency));

    // Neither sum can overflow: |balance| <= 9*10^15 and amount <= 10^15.
    const bool debit = event.type == TransactionType::debit;
    const std::int64_t balance_after = account.balance_cents + (debit ? -event.amount_cents : event.amount_cents);
    if (debit && balance_after < account.min_balance_cents)
        return refuse(Refusal::insufficient_balance, account,
                      fmt::format("insufficient balance: {} available, {} needed",
                                  account.balance_cents - account.min_balance_cents, event.amount_cents));
    if (!debit && balance_after > balance_cents_max)
        return refuse(Refusal::balance_overflow, account,
                      fmt::format("balance overflow: the balance may not exceed {}", balance_cents_max));
    account.balance_cents = balance_after;
    return {std::nullopt, balance_after, {}};
}

Posting discard(const AccountState& account) {
    return refuse(Refusal::discarded, account, "discarded: its dead letter was discarded");
}

}  // namespace ledgerline
