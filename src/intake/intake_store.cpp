#include "intake/intake_store.h"

#include <utility>

#include "base/result.h"

namespace ledgerline::intake {

void set_legs(IntakeItem& item, std::vector<Leg> legs) {
    LEDGERLINE_ASSERT(!legs.empty() && legs.size() <= legs_max);
    if (item.type != TransactionType::capture) item.type = TransactionType::transfer;
    item.account_id = legs.front().from ? *legs.front().from : *legs.front().to;
    item.currency = legs.front().currency;
    item.amount_cents = 0;
    for (const Leg& leg : legs) item.amount_cents += leg.amount_cents;
    item.legs = std::move(legs);
}

int schema_version_of(TransactionType type) {
    if (type == TransactionType::debit || type == TransactionType::credit) return event_schema_version;
    return type == TransactionType::transfer ? event_schema_version_with_legs : event_schema_version_of_holds;
}

std::vector<Effect> effects_of(const IntakeItem& item) {
    if (!item.legs.empty()) return effects_of(item.legs);
    if (item.type == TransactionType::hold || item.type == TransactionType::release)
        return {{item.account_id, 0, item.currency}};
    return {
        {item.account_id, item.type == TransactionType::debit ? -item.amount_cents : item.amount_cents, item.currency}};
}

std::vector<Event> events_of(const IntakeItem& item, const IntakeResult& result) {
    const std::vector<Effect> effects = effects_of(item);
    if (result.further.size() + 1 != effects.size()) return {};
    std::vector<Event> events;
    for (const Effect& effect : effects) {
        const bool is_first = events.empty();
        const auto place = is_first ? IntakeResult::Place{result.lane, result.seq} : result.further[events.size() - 1];
        events.push_back({.event_id = item.event_id,
                          .lane = place.lane,
                          .seq = place.seq,
                          .schema_version = schema_version_of(item.type),
                          .occurred_at = result.created_at,
                          .traceparent = item.traceparent,
                          .transaction_id = item.transaction_id,
                          .account_id = effect.account_id,
                          .net_cents = effect.net_cents,
                          .places = static_cast<int>(effects.size()),
                          .is_first = is_first,
                          .amount_cents = item.amount_cents,
                          .currency = item.currency,
                          .type = item.type,
                          .idempotency_key = item.idempotency_key,
                          .legs = item.legs.empty() ? std::nullopt : std::optional(legs_json(item.legs)),
                          .reference = is_first ? item.reference : std::nullopt,
                          .metadata = is_first ? item.metadata : std::nullopt,
                          .parent_id = item.parent_id});
    }
    return events;
}

}  // namespace ledgerline::intake
