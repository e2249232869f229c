#include "intake/intake_store.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "domain/posting.h"

namespace ledgerline::intake {

void set_legs(IntakeItem& item, std::vector<Leg> legs) {
    LEDGERLINE_ASSERT(!legs.empty() && legs.size() <= legs_max);
    if (item.type != TransactionType::capture && item.type != TransactionType::reversal)
        item.type = TransactionType::transfer;
    item.account_id = legs.front().from ? *legs.front().from : *legs.front().to;
    item.currency = legs.front().currency;
    item.amount_cents = 0;
    for (const Leg& leg : legs) item.amount_cents += leg.amount_cents;
    item.legs = std::move(legs);
}

namespace {

bool touches(std::span<const Effect> effects, const Uuid& account_id) {
    return std::ranges::find(effects, account_id, &Effect::account_id) != effects.end();
}

}  // namespace

void follow(IntakeItem& item, const IntakeItem& previous) {
    const std::vector<Effect> theirs = effects_of(previous);
    const std::vector<Effect> own = effects_of(item);
    const auto shared =
        std::ranges::find_if(theirs, [&](const Effect& effect) { return touches(own, effect.account_id); });
    const Effect& anchor = shared == theirs.end() ? theirs.front() : *shared;
    item.follows = Effect{anchor.account_id, 0, anchor.currency};
}

int schema_version_of(const IntakeItem& item) {
    if (item.type == TransactionType::reversal || item.follows || item.dated) return event_schema_version_of_chains;
    if (item.type == TransactionType::debit || item.type == TransactionType::credit) return event_schema_version;
    return item.type == TransactionType::transfer ? event_schema_version_with_legs : event_schema_version_of_holds;
}

std::vector<Effect> effects_of(const IntakeItem& item) {
    std::vector<Effect> effects;
    if (!item.legs.empty()) {
        effects = effects_of(item.legs);
    } else {
        const bool moves = item.type == TransactionType::debit || item.type == TransactionType::credit;
        const std::int64_t sign = !moves ? 0 : item.type == TransactionType::debit ? -1 : 1;
        effects.push_back({item.account_id, sign * item.amount_cents, item.currency});
    }
    if (item.follows && !touches(effects, item.follows->account_id)) effects.push_back(*item.follows);
    return effects;
}

std::optional<std::int64_t> tenant_needed(const IntakeItem& item, const Effect& effect) {
    const bool may_be_others = item.pays_other_tenants && effect.account_id != item.account_id && effect.net_cents >= 0;
    return may_be_others ? std::nullopt : std::optional<std::int64_t>(item.tenant);
}

std::optional<IntakeResult::Status> refusal_of_status(std::string_view account_status, TransactionType type) {
    if (type == TransactionType::release || account_status == name_of(AccountStatus::active)) return std::nullopt;
    return account_status == name_of(AccountStatus::closed) ? IntakeResult::Status::account_closed
                                                            : IntakeResult::Status::account_suspended;
}

std::vector<Event> events_of(const IntakeItem& item, const IntakeResult& result) {
    const std::vector<Effect> effects = effects_of(item);
    if (result.further.size() + 1 != effects.size() || !result.is_of_one_tenant) return {};
    std::vector<Event> events;
    for (const Effect& effect : effects) {
        const bool is_first = events.empty();
        const auto place = is_first ? IntakeResult::Place{result.lane, result.seq} : result.further[events.size() - 1];
        events.push_back({.event_id = item.event_id,
                          .lane = place.lane,
                          .seq = place.seq,
                          .schema_version = schema_version_of(item),
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
                          .parent_id = item.parent_id,
                          .previous_id = result.previous_id,
                          .dated = item.dated,
                          .tenant_name = item.tenant_name});
    }
    return events;
}

}  // namespace ledgerline::intake
