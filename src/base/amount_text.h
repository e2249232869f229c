// Amounts as people write and read them: 12.50 rather than 1250.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace ledgerline {

// "3,217.60 CZK", "-100 JPY". Without a known exponent "3,217 minor units of XAU"; without a currency
// "3,217 minor units".
std::string amount_text(std::int64_t cents, std::optional<int> exponent, std::string_view currency);
// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);

// The rule that text breaks as the amount of any asset, worded to follow "must be"; "" when it breaks none. "12.50" is
// one: digits, and perhaps a point and more digits.
std::string broken_amount_rule(std::string_view text);
// The amount in minor units, from 1 to amount_cents_max, or the rule that text breaks. currency is only named.
std::expected<std::int64_t, std::string> parse_amount(std::string_view text, int exponent, std::string_view currency);

}  // namespace ledgerline
