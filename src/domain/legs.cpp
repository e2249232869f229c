#include "domain/legs.h"

#include <algorithm>

namespace ledgerline {
namespace {

void add(std::vector<Effect>& effects, const std::optional<Uuid>& account, std::int64_t cents, const Leg& leg) {
    if (!account) return;
    const auto known = std::ranges::find(effects, *account, &Effect::account_id);
    if (known != effects.end())
        known->net_cents += cents;
    else
        effects.push_back({*account, cents, leg.currency});
}

}  // namespace

std::vector<Effect> effects_of(std::span<const Leg> legs) {
    std::vector<Effect> effects;
    for (const Leg& leg : legs) {
        add(effects, leg.from, -leg.amount_cents, leg);
        add(effects, leg.to, leg.amount_cents, leg);
    }
    return effects;
}

bool same_legs(std::span<const Leg> a, std::span<const Leg> b) { return std::ranges::is_permutation(a, b); }

int lane_of(const Uuid& account_id) { return (account_id.bytes[14] * 256 + account_id.bytes[15]) % lane_count; }

}  // namespace ledgerline
