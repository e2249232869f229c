#include "base/amount_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/money.h"
#include "base/text.h"

namespace ledgerline {
namespace {

std::string with_separators(std::string digits) {
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return digits;
}

// Exact for every number, the least one included.
std::string digits_of(std::int64_t number) {
    std::string digits = std::to_string(number);
    if (number < 0) digits.erase(0, 1);
    return digits;
}

}  // namespace

std::string grouped(std::int64_t number) { return (number < 0 ? "-" : "") + with_separators(digits_of(number)); }

std::string amount_text(std::int64_t cents, std::optional<int> exponent, std::string_view currency) {
    if (!exponent) return fmt::format("{} minor units{}{}", grouped(cents), currency.empty() ? "" : " of ", currency);
    const auto decimals = static_cast<std::size_t>(*exponent);
    std::string digits = digits_of(cents);
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    const std::size_t whole = digits.size() - decimals;
    return fmt::format("{}{}{}{} {}", cents < 0 ? "-" : "", with_separators(digits.substr(0, whole)),
                       decimals > 0 ? "." : "", digits.substr(whole), currency);
}

std::string broken_amount_rule(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+')) return "an amount without a sign";
    if (text.find_first_of(", '_") != std::string_view::npos)
        return "an amount with a point before its decimals and no thousands separators, such as 1250.50";
    if (text.find_first_of("eE") != std::string_view::npos) return "an amount written without an exponent";
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view decimals = point == std::string_view::npos ? "0" : text.substr(point + 1);
    if (!std::ranges::all_of(whole, is_digit) || !std::ranges::all_of(decimals, is_digit))
        return "a decimal number, such as 12.50";
    if (whole.empty() || decimals.empty()) return "an amount with digits on both sides of its point";
    return "";
}

std::expected<std::int64_t, std::string> parse_amount(std::string_view text, int exponent, std::string_view currency) {
    if (std::string rule = broken_amount_rule(text); !rule.empty()) return std::unexpected(std::move(rule));
    const std::size_t point = std::min(text.find('.'), text.size());
    const std::string_view decimals = text.substr(std::min(point + 1, text.size()));
    if (exponent == 0 && point < text.size())
        return std::unexpected(fmt::format("an amount without decimals: {} has none", currency));
    if (decimals.size() > static_cast<std::size_t>(exponent))
        return std::unexpected(fmt::format("an amount with at most {} decimals, those of {}", exponent, currency));
    std::string digits(text.substr(0, point));
    digits.append(decimals).append(static_cast<std::size_t>(exponent) - decimals.size(), '0');
    std::int64_t cents = 0;
    for (const char digit : digits)
        if (cents <= amount_cents_max) cents = cents * 10 + (digit - '0');
    if (cents >= 1 && cents <= amount_cents_max) return cents;
    return std::unexpected(fmt::format("from {} to {}", amount_text(1, exponent, currency),
                                       amount_text(amount_cents_max, exponent, currency)));
}

}  // namespace ledgerline
