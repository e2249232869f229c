#include "intake/intake_store.h"

#include <utility>

#include "base/result.h"

namespace ledgerline::intake {

void set_legs(IntakeItem& item, std::vector<Leg> legs) {
    LEDGERLINE_ASSERT(!legs.empty() && legs.size() <= legs_max);
    item.type = TransactionType::transfer;
    item.account_id = legs.front().from ? *legs.front().from : *legs.front().to;
    item.currency = legs.front().currency;
    item.amount_cents = 0;
    for (const Leg& leg : legs) item.amount_cents += leg.amount_cents;
    item.legs = std::move(legs);
}

std::vector<Effect> effects_of(const IntakeItem& item) {
    if (!item.legs.empty()) return effects_of(item.legs);
    return {
        {item.account_id, item.type == TransactionType::debit ? -item.amount_cents : item.amount_cents, item.currency}};
}

}  // namespace ledgerline::intake
