// Money: amounts in minor units (cents), their limits, and the currencies.
#pragma once

#include <cstdint>
#include <string_view>

namespace ledgerline {

// A double represents every value within these limits exactly, so that every JSON client reads it correctly.
inline constexpr std::int64_t amount_cents_max = 1'000'000'000'000'000;        // 10^15, of one transaction
inline constexpr std::int64_t balance_cents_max = 9'000'000'000'000'000;       // 9*10^15, of |balance|
inline constexpr std::int64_t min_balance_cents_min = -1'000'000'000'000'000;  // -10^15, of an account's floor and ceiling

// Whether code is an active currency code of ISO 4217 (three upper-case letters).
bool is_currency(std::string_view code);

}  // namespace ledgerline
