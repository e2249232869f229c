#include "domain/legs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

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

std::string legs_json(std::span<const Leg> legs) {
    std::string out = "[";
    for (const Leg& leg : legs) {
        out += out.size() > 1 ? R"(, {"currency": )" : R"({"currency": )";
        json::append_quoted(leg.currency, out);
        if (!leg.to) out += R"(, "to_external": true)";
        out += fmt::format(R"(, "amount_cents": {})", leg.amount_cents);
        if (!leg.from) out += R"(, "from_external": true)";
        if (leg.to) out += fmt::format(R"(, "to_account_id": "{}")", leg.to->to_string());
        if (leg.from) out += fmt::format(R"(, "from_account_id": "{}")", leg.from->to_string());
        out += '}';
    }
    return out + "]";
}

int lane_of(const Uuid& account_id) { return (account_id.bytes[14] * 256 + account_id.bytes[15]) % lane_count; }

}  // namespace ledgerline
