#include "base/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace ledgerline {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr int kNone = -1;
constexpr std::size_t kShownMax = 40;  // of a faulty value

struct IsoCode {
    std::string_view code;
    int exponent;
};

// ISO 4217 list one (active codes) with its minor units, without the codes for testing and for "no currency". Sorted.
constexpr IsoCode kIso[] = {
    {"AED", 2},     {"AFN", 2},     {"ALL", 2},     {"AMD", 2},     {"ANG", 2},     {"AOA", 2},     {"ARS", 2},
    {"AUD", 2},     {"AWG", 2},     {"AZN", 2},     {"BAM", 2},     {"BBD", 2},     {"BDT", 2},     {"BGN", 2},
    {"BHD", 3},     {"BIF", 0},     {"BMD", 2},     {"BND", 2},     {"BOB", 2},     {"BOV", 2},     {"BRL", 2},
    {"BSD", 2},     {"BTN", 2},     {"BWP", 2},     {"BYN", 2},     {"BZD", 2},     {"CAD", 2},     {"CDF", 2},
    {"CHE", 2},     {"CHF", 2},     {"CHW", 2},     {"CLF", 4},     {"CLP", 0},     {"CNY", 2},     {"COP", 2},
    {"COU", 2},     {"CRC", 2},     {"CUP", 2},     {"CVE", 2},     {"CZK", 2},     {"DJF", 0},     {"DKK", 2},
    {"DOP", 2},     {"DZD", 2},     {"EGP", 2},     {"ERN", 2},     {"ETB", 2},     {"EUR", 2},     {"FJD", 2},
    {"FKP", 2},     {"GBP", 2},     {"GEL", 2},     {"GHS", 2},     {"GIP", 2},     {"GMD", 2},     {"GNF", 0},
    {"GTQ", 2},     {"GYD", 2},     {"HKD", 2},     {"HNL", 2},     {"HTG", 2},     {"HUF", 2},     {"IDR", 2},
    {"ILS", 2},     {"INR", 2},     {"IQD", 3},     {"IRR", 2},     {"ISK", 0},     {"JMD", 2},     {"JOD", 3},
    {"JPY", 0},     {"KES", 2},     {"KGS", 2},     {"KHR", 2},     {"KMF", 0},     {"KPW", 2},     {"KRW", 0},
    {"KWD", 3},     {"KYD", 2},     {"KZT", 2},     {"LAK", 2},     {"LBP", 2},     {"LKR", 2},     {"LRD", 2},
    {"LSL", 2},     {"LYD", 3},     {"MAD", 2},     {"MDL", 2},     {"MGA", 2},     {"MKD", 2},     {"MMK", 2},
    {"MNT", 2},     {"MOP", 2},     {"MRU", 2},     {"MUR", 2},     {"MVR", 2},     {"MWK", 2},     {"MXN", 2},
    {"MXV", 2},     {"MYR", 2},     {"MZN", 2},     {"NAD", 2},     {"NGN", 2},     {"NIO", 2},     {"NOK", 2},
    {"NPR", 2},     {"NZD", 2},     {"OMR", 3},     {"PAB", 2},     {"PEN", 2},     {"PGK", 2},     {"PHP", 2},
    {"PKR", 2},     {"PLN", 2},     {"PYG", 0},     {"QAR", 2},     {"RON", 2},     {"RSD", 2},     {"RUB", 2},
    {"RWF", 0},     {"SAR", 2},     {"SBD", 2},     {"SCR", 2},     {"SDG", 2},     {"SEK", 2},     {"SGD", 2},
    {"SHP", 2},     {"SLE", 2},     {"SOS", 2},     {"SRD", 2},     {"SSP", 2},     {"STN", 2},     {"SVC", 2},
    {"SYP", 2},     {"SZL", 2},     {"THB", 2},     {"TJS", 2},     {"TMT", 2},     {"TND", 3},     {"TOP", 2},
    {"TRY", 2},     {"TTD", 2},     {"TWD", 2},     {"TZS", 2},     {"UAH", 2},     {"UGX", 0},     {"USD", 2},
    {"USN", 2},     {"UYI", 0},     {"UYU", 2},     {"UYW", 4},     {"UZS", 2},     {"VED", 2},     {"VES", 2},
    {"VND", 0},     {"VUV", 0},     {"WST", 2},     {"XAD", 2},     {"XAF", 0},     {"XAG", kNone}, {"XAU", kNone},
    {"XBA", kNone}, {"XBB", kNone}, {"XBC", kNone}, {"XBD", kNone}, {"XCD", 2},     {"XCG", 2},     {"XDR", kNone},
    {"XOF", 0},     {"XPD", kNone}, {"XPF", 0},     {"XPT", kNone}, {"XSU", kNone}, {"XUA", kNone}, {"YER", 2},
    {"ZAR", 2},     {"ZMW", 2},     {"ZWG", 2},
};
static_assert(std::ranges::is_sorted(kIso, {}, &IsoCode::code));

std::vector<Asset> make_iso() {
    std::vector<Asset> made;
    for (const auto& [code, exponent] : kIso)
        made.push_back({std::string(code), exponent == kNone ? std::nullopt : std::optional(exponent)});
    return made;
}

std::vector<Asset>& all_assets() {
    static std::vector<Asset> all = make_iso();
    return all;
}

const Asset* find_in(std::span<const Asset> sorted, std::string_view code) {
    const auto found = std::ranges::lower_bound(sorted, code, {}, &Asset::code);
    return found != sorted.end() && found->code == code ? &*found : nullptr;
}

std::string shown(std::string_view value) { return peer_text(value, kShownMax); }

// The asset that a line names, or the rule that the line breaks.
std::expected<Asset, std::string> parse_line(std::string_view line, std::span<const Asset> before) {
    const std::size_t blank = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view code = line.substr(0, blank), exponent = trimmed(line.substr(blank));
    if (!is_currency_form(code))
        return std::unexpected(
            fmt::format("the code must be three capital letters, such as PTS, not '{}'", shown(code)));
    const Asset* iso = find_in(iso_assets(), code);
    if (iso && iso->exponent)
        return std::unexpected(fmt::format("{} is a currency of ISO 4217, with the exponent {}", code, *iso->exponent));
    if (std::ranges::find(before, code, &Asset::code) != before.end())
        return std::unexpected(fmt::format("{} is there twice", code));
    int number = 0;
    const auto parsed = std::from_chars(exponent.data(), exponent.data() + exponent.size(), number);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == exponent.data() + exponent.size();
    if (!whole || number < 0 || number > exponent_max)
        return std::unexpected(fmt::format("the exponent of {} must be a whole number from 0 to {}, not '{}'", code,
                                           exponent_max, shown(exponent)));
    return Asset{std::string(code), number};
}

}  // namespace

bool is_currency_form(std::string_view code) {
    return code.size() == 3 && std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::span<const Asset> iso_assets() {
    static const std::vector<Asset> iso = make_iso();
    return iso;
}

const std::vector<Asset>& assets() { return all_assets(); }

const Asset* find_asset(std::string_view code) { return find_in(all_assets(), code); }

Result<std::vector<Asset>> parse_assets(std::string_view text) {
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    std::vector<Asset> own;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        line = trimmed(line);
        if (line.empty() || line.starts_with('#')) continue;
        const auto refused = [&](const std::string& rule) {
            return failure(Disposition::refuse, "bad_assets", fmt::format("line {}: {}", number, rule));
        };
        auto asset = parse_line(line, own);
        if (!asset) return refused(asset.error());
        if (own.size() == own_assets_max) return refused(fmt::format("at most {} assets", own_assets_max));
        own.push_back(*std::move(asset));
    }
    if (own.empty()) return failure(Disposition::refuse, "bad_assets", "names no asset");
    return own;
}

void use_own_assets(const std::vector<Asset>& own) {
    std::vector<Asset> all = make_iso();
    for (const Asset& asset : own) {
        const auto at = std::ranges::lower_bound(all, asset.code, {}, &Asset::code);
        if (at != all.end() && at->code == asset.code)
            *at = asset;
        else
            all.insert(at, asset);
    }
    all_assets() = std::move(all);
}

}  // namespace ledgerline
