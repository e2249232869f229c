#include "api/key_requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "api/fields.h"
#include "api/transaction_request.h"
#include "base/money.h"
#include "http/server/network.h"

namespace ledgerline::api {
namespace {

// The texts in an array, each of them once. rule: what is said of one that does not fit.
template <class Rule>
std::vector<std::string> texts(Fields& fields, std::string_view name, const json::Array& items, Rule fits,
                               const std::string& rule) {
    std::vector<std::string> found;
    for (const json::Value& each : items) {
        const std::string* text = each.if_string();
        if (!text || !fits(*text)) {
            fields.complain(ProblemCode::invalid_field, name, rule);
            return {};
        }
        if (std::ranges::find(found, *text) == found.end()) found.push_back(*text);
    }
    return found;
}

std::vector<std::string> read_scopes(Fields& fields) {
    const std::string rule =
        fmt::format("must be an array of scopes, which are {}",
                    fmt::join(http::named_scopes | std::views::transform(&http::NamedScope::name), ", "));
    return texts(
        fields, "scopes", fields.array("scopes", 1, http::named_scopes.size()),
        [](const std::string& text) { return http::parse_scope(text).has_value(); }, rule);
}

std::vector<std::string> read_networks(Fields& fields) {
    return texts(
        fields, "networks", fields.array("networks", 0, key_networks_max),
        [](const std::string& text) { return http::Network::parse(text).has_value(); },
        "must be an array of addresses and networks, such as 10.0.0.0/8 or 2001:db8::/32");
}

http::KeyLimits read_limits(Fields& fields) {
    const auto rate = [&](std::string_view name) { return fields.integer(name, 1, http::TokenBucket::per_second_max); };
    return {.amount_cents_max = fields.integer("amount_cents_max", 1, amount_cents_max),
            .may_overdraw = fields.truth("may_overdraw").value_or(false),
            .may_credit_external = fields.truth("may_credit_external").value_or(false),
            .requests_per_second = rate("requests_per_second"),
            .transactions_per_second = rate("transactions_per_second")};
}

}  // namespace

std::expected<NewKey, http::Problem> parse_key(const json::Value& body, WallTime now) {
    Fields fields(body, "");
    for (const char* name : {"name", "scopes"}) fields.require(name);
    NewKey key;
    key.name = fields.text("name", key_name_chars_max).value_or("");
    key.scopes = read_scopes(fields);
    key.networks = read_networks(fields);
    key.limits = read_limits(fields);
    key.expires_at = fields.time("expires_at");
    if (key.expires_at && *key.expires_at <= now)
        fields.complain(ProblemCode::invalid_field, "expires_at", "must be in the future");
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    return key;
}

std::expected<KeyChange, http::Problem> parse_key_change(const http::Request& request, KeyChangeKind kind) {
    KeyChange change;
    if (request.body.empty()) return change;
    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    change.reason = fields.text("reason", reason_chars_max);
    if (kind == KeyChangeKind::rotate)
        if (const auto overlap = fields.integer("overlap_s", 0, rotation_overlap_max.count()))
            change.overlap = std::chrono::seconds(*overlap);
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    return change;
}

}  // namespace ledgerline::api
