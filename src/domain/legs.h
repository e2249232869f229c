// Legs: what a transaction moves, and what that means for each account that it touches. Pure functions, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"

namespace ledgerline {

inline constexpr std::size_t legs_max = 100;  // of one transaction

// An amount that leaves one account and enters another. A side that is absent is the outside world. The sides differ,
// and at least one of them is an account.
struct Leg {
    std::optional<Uuid> from;
    std::optional<Uuid> to;
    std::int64_t amount_cents = 0;  // 1 to amount_cents_max
    std::string currency;

    bool operator==(const Leg&) const = default;
};

// The net effect of a transaction on one account. It may be 0: such an account is touched as well.
struct Effect {
    Uuid account_id;
    std::int64_t net_cents = 0;
    std::string currency;

    bool operator==(const Effect&) const = default;
};

// One effect for each account, in the order in which the legs name them, from before to. The first account scopes the
// transaction's idempotency key and has its first place. No sum overflows: legs_max * amount_cents_max is 10^17.
std::vector<Effect> effects_of(std::span<const Leg> legs);

// Whether both hold the same legs, in whatever order.
bool same_legs(std::span<const Leg> a, std::span<const Leg> b);

// The legs as they are stored, announced and told to clients, byte for byte as jsonb prints them: [{"currency": C,
// "amount_cents": N, "to_account_id": ID, "from_account_id": ID}, ...]. A side that is the outside world is
// "from_external": true or "to_external": true.
std::string legs_json(std::span<const Leg> legs);

// The legs that such text holds; nothing when it holds anything else.
std::optional<std::vector<Leg>> parse_legs(std::string_view json);

// The legs turned round: each amount goes back.
std::vector<Leg> turned_round(std::span<const Leg> legs);

// The number of lanes (it never changes), and the lane of an account: the last two bytes of its id, random, modulo
// that number. The database computes the same (lane_of() of the first migration).
inline constexpr int lane_count = 48;
int lane_of(const Uuid& account_id);

}  // namespace ledgerline
