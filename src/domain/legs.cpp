#include "domain/legs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

namespace {

// One side of a leg. False when it is neither an account nor the outside world.
bool read_side(const json::Value& leg, std::string_view account_id, std::string_view external,
               std::optional<Uuid>& side) {
    const json::Value* const id = leg.find(account_id);
    if (!id) return leg.find(external) != nullptr;
    const std::string* const text = id->if_string();
    side = text ? Uuid::parse(*text) : std::nullopt;
    return side.has_value();
}

}  // namespace

std::optional<std::vector<Leg>> parse_legs(std::string_view json) {
    const auto parsed = json::parse(json);
    const json::Array* const parts = parsed ? parsed->if_array() : nullptr;
    if (!parts) return std::nullopt;
    std::vector<Leg> legs;
    for (const json::Value& part : *parts) {
        Leg& leg = legs.emplace_back();
        const json::Value* const amount = part.find("amount_cents");
        const json::Value* const currency = part.find("currency");
        const auto cents = amount ? amount->if_int64() : std::nullopt;
        if (!cents || !currency || !currency->if_string() ||
            !read_side(part, "from_account_id", "from_external", leg.from) ||
            !read_side(part, "to_account_id", "to_external", leg.to))
            return std::nullopt;
        leg.amount_cents = *cents;
        leg.currency = *currency->if_string();
    }
    return legs;
}

std::vector<Leg> turned_round(std::span<const Leg> legs) {
    std::vector<Leg> turned(legs.begin(), legs.end());
    for (Leg& leg : turned) std::swap(leg.from, leg.to);
    return turned;
}

int lane_of(const Uuid& account_id) { return (account_id.bytes[14] * 256 + account_id.bytes[15]) % lane_count; }

}  // namespace ledgerline
