#include "api/webhook_requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "api/fields.h"
#include "api/transaction_request.h"
#include "notify/event_types.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kStatuses[] = {"ENABLED", "DISABLED"};

std::vector<std::string> read_events(Fields& fields) {
    std::vector<std::string> events;
    for (const json::Value& each : fields.array("events", 0, notify::event_types.size())) {
        const std::string* text = each.if_string();
        if (!text || std::ranges::find(notify::event_types, *text) == notify::event_types.end()) {
            fields.complain(
                ProblemCode::invalid_field, "events",
                fmt::format("must be an array of types, which are {}", fmt::join(notify::event_types, ", ")));
            return {};
        }
        if (std::ranges::find(events, *text) == events.end()) events.push_back(*text);
    }
    return events;
}

std::vector<Uuid> read_accounts(Fields& fields) {
    std::vector<Uuid> accounts;
    for (const json::Value& each : fields.array("account_ids", 0, webhook_accounts_max)) {
        const std::string* text = each.if_string();
        const auto id = text ? Uuid::parse(*text) : std::nullopt;
        if (!id) {
            fields.complain(ProblemCode::invalid_field, "account_ids", "must be an array of ids of accounts");
            return {};
        }
        if (std::ranges::find(accounts, *id) == accounts.end()) accounts.push_back(*id);
    }
    return accounts;
}

}  // namespace

std::expected<WebhookTerms, http::Problem> parse_webhook(const json::Value& body, WebhookCall call,
                                                         const notify::Destinations& destinations) {
    Fields fields(body, "");
    if (call == WebhookCall::create) fields.require("url");
    WebhookTerms terms;
    terms.url = fields.text("url", notify::url_chars_max);
    if (terms.url)
        if (const std::string rule = destinations.broken_rule(*terms.url); !rule.empty())
            fields.complain(ProblemCode::invalid_field, "url", rule);
    // null is as if it were absent.
    if (auto events = read_events(fields); fields.has("events")) terms.events = std::move(events);
    if (auto accounts = read_accounts(fields); fields.has("account_ids")) terms.account_ids = std::move(accounts);
    terms.sets_description = fields.has("description") || fields.is_null("description");
    terms.description = fields.text("description", webhook_description_chars_max);
    if (call == WebhookCall::change) terms.status = fields.choice("status", kStatuses);
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    return terms;
}

std::expected<std::chrono::seconds, http::Problem> parse_webhook_rotation(const http::Request& request) {
    if (request.body.empty()) return webhook_overlap_default;
    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    const auto overlap = fields.integer("overlap_s", 0, webhook_overlap_max.count());
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    return overlap ? std::chrono::seconds(*overlap) : webhook_overlap_default;
}

}  // namespace ledgerline::api
