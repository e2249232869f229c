#include "api/account_requests.h"

#include <fmt/format.h>

#include <utility>

#include "api/fields.h"
#include "api/transaction_request.h"
#include "base/money.h"

namespace ledgerline::api {
namespace {

std::optional<std::int64_t> limit_of(Fields& fields, std::string_view name) {
    return fields.integer(name, min_balance_cents_min, balance_cents_max);
}

void check_limits(Fields& fields, std::int64_t min_balance_cents, std::optional<std::int64_t> max_balance_cents) {
    if (max_balance_cents && *max_balance_cents < min_balance_cents)
        fields.complain(ProblemCode::limits_crossed, "max_balance_cents",
                        fmt::format("must not be below min_balance_cents ({})", min_balance_cents));
}

// All that a new account may say of itself except its reference.
NewAccount account_of(Fields& fields) {
    fields.require("currency");
    NewAccount account;
    account.currency = fields.currency("currency").value_or("");
    account.min_balance_cents = limit_of(fields, "min_balance_cents").value_or(0);
    account.max_balance_cents = limit_of(fields, "max_balance_cents");
    account.metadata = fields.object("metadata");
    check_limits(fields, account.min_balance_cents, account.max_balance_cents);
    return account;
}

}  // namespace

std::expected<NewAccount, http::Problem> parse_account(const json::Value& body) {
    Fields fields(body, "");
    NewAccount account = account_of(fields);
    account.reference = fields.text("reference", account_reference_chars_max);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return account;
}

std::expected<std::string, http::Problem> path_reference(const http::Request& request) {
    std::string reference(request.path_param("reference"));
    if (!reference.empty() && code_points(reference) <= account_reference_chars_max &&
        !has_control_characters(reference))
        return reference;
    return std::unexpected(
        problem(ProblemCode::invalid_parameter,
                fmt::format("The reference in the path must have 1 to {} characters, none of them a control character.",
                            account_reference_chars_max),
                "reference"));
}

std::expected<NamedAccount, http::Problem> NamedAccount::parse(const http::Request& request) {
    auto reference = path_reference(request);
    if (!reference) return std::unexpected(std::move(reference).error());
    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    NamedAccount named{.account = account_of(fields), .names_floor = fields.has("min_balance_cents")};
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    named.account.reference = *std::move(reference);
    return named;
}

std::optional<http::Problem> NamedAccount::difference_to(const AccountRecord& known) const {
    const auto differs = [&](std::string_view field, const auto& value) {
        auto difference =
            problem(ProblemCode::account_differs,
                    fmt::format("The account with this reference has the {} {}.", field, value), std::string(field));
        difference.extensions.emplace_back("account_id", known.id.to_string());
        return difference;
    };
    if (account.currency != known.currency) return differs("currency", known.currency);
    if (names_floor && account.min_balance_cents != known.min_balance_cents)
        return differs("min_balance_cents", known.min_balance_cents);
    if (account.max_balance_cents && account.max_balance_cents != known.max_balance_cents)
        return differs("max_balance_cents",
                       known.max_balance_cents ? std::to_string(*known.max_balance_cents) : "null");
    return std::nullopt;
}

std::expected<AccountChange, http::Problem> parse_change(const json::Value& body) {
    Fields fields(body, "");
    AccountChange change;
    change.status = fields.choice("status", account_statuses);
    change.min_balance_cents = limit_of(fields, "min_balance_cents");
    change.max_balance_cents = limit_of(fields, "max_balance_cents");
    change.sets_ceiling = change.max_balance_cents || fields.is_null("max_balance_cents");
    change.metadata = fields.object("metadata");
    change.sets_metadata = change.metadata || fields.is_null("metadata");
    change.reason = fields.text("reason", reason_chars_max);
    if (change.min_balance_cents) check_limits(fields, *change.min_balance_cents, change.max_balance_cents);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    if (change.changes_nothing())
        return std::unexpected(
            problem(ProblemCode::missing_field,
                    "At least one of status, min_balance_cents, max_balance_cents and metadata is required."));
    return change;
}

}  // namespace ledgerline::api
