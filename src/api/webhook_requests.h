// What callers say about webhooks: the bodies of their calls, checked against every rule that needs no database.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"
#include "http/message.h"
#include "http/problem.h"
#include "notify/destinations.h"

namespace ledgerline::api {

inline constexpr std::size_t webhook_accounts_max = 100;
inline constexpr std::size_t webhook_description_chars_max = 500;
inline constexpr std::chrono::seconds webhook_overlap_default = std::chrono::days(1);
inline constexpr std::chrono::seconds webhook_overlap_max = std::chrono::days(30);

// Of POST /v1/webhooks, and of PATCH, where nothing that is absent changes.
struct WebhookTerms {
    std::optional<std::string> url;
    std::optional<std::vector<std::string>> events;
    std::optional<std::vector<Uuid>> account_ids;
    bool sets_description = false;
    std::optional<std::string> description;
    std::optional<std::string> status;
};
enum class WebhookCall { create, change };
std::expected<WebhookTerms, http::Problem> parse_webhook(const json::Value& body, WebhookCall call,
                                                         const notify::Destinations& destinations);

// How long the secret before the new one signs as well. The call needs no body.
std::expected<std::chrono::seconds, http::Problem> parse_webhook_rotation(const http::Request& request);

}  // namespace ledgerline::api
