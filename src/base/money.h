// Money: amounts in minor units (cents), their limits, and the assets that they are counted in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ledgerline {

// A double represents every value within these limits exactly, so that every JSON client reads it correctly.
inline constexpr std::int64_t amount_cents_max = 1'000'000'000'000'000;   // 10^15, of one transaction
inline constexpr std::int64_t balance_cents_max = 9'000'000'000'000'000;  // 9*10^15, of |balance|
inline constexpr std::int64_t min_balance_cents_min =
    -1'000'000'000'000'000;  // -10^15, of an account's floor and ceiling

// What an amount is counted in: a currency of ISO 4217, or an asset of one's own.
struct Asset {
    std::string code;  // three capital letters
    // How many of an amount's digits are decimals: 1250 is 12.50 with 2, 1.250 with 3. Nothing: not known, as for gold.
    std::optional<int> exponent;
};

// With 12 decimals the greatest amount is 1,000: more would leave nothing to count.
inline constexpr int exponent_max = 12;
inline constexpr std::size_t own_assets_max = 1000;

// Whether code has the form that every asset's code has.
bool is_currency_form(std::string_view code);

// The active codes of ISO 4217, sorted, without those for testing and for "no currency".
std::span<const Asset> iso_assets();

// All that amounts may be in: ISO 4217's and those of use_own_assets(), sorted by code.
const std::vector<Asset>& assets();
// The one with that code; null when there is none.
const Asset* find_asset(std::string_view code);
inline bool is_currency(std::string_view code) { return find_asset(code) != nullptr; }

// Assets of one's own: a line for each with its code and exponent, such as "PTS 0". Blank lines and lines that begin
// with # are skipped. Error bad_assets (refuse), which names the line and the rule.
Result<std::vector<Asset>> parse_assets(std::string_view text);
// Adds them to assets(), in place of those of an earlier call. Not thread-safe: call it before there are threads.
void use_own_assets(const std::vector<Asset>& own);

}  // namespace ledgerline
