#include "api/key_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/fields.h"
#include "http/api_key.h"
#include "http/rate_limit.h"

namespace ledgerline::api {
namespace {

http::Problem beyond(std::string detail, std::string field) {
    return problem(ProblemCode::key_limit_exceeded, std::move(detail), std::move(field));
}

std::int64_t amount_of(const intake::IntakeItem& item) {
    if (item.type == TransactionType::release) return 0;
    if (item.legs.empty()) return item.amount_cents;
    std::int64_t sum = 0;
    for (const Leg& leg : item.legs) sum += leg.amount_cents;
    return sum;
}

bool credits_from_external(const intake::IntakeItem& item) {
    if (item.legs.empty()) return item.type == TransactionType::credit;
    return std::ranges::any_of(item.legs, [](const Leg& leg) { return !leg.from; });
}

std::optional<http::Problem> check_item(const http::KeyLimits& limits, const TransactionRequest& request) {
    const intake::IntakeItem& item = request.item;
    if (limits.amount_cents_max && amount_of(item) > *limits.amount_cents_max)
        return beyond(fmt::format("This API key may move at most {} in one transaction.", *limits.amount_cents_max),
                      member_path(request.path, item.legs.size() > 1 ? "legs" : "amount_cents"));
    if (!limits.may_credit_external && credits_from_external(item))
        return beyond("This API key may not bring in money from the outside world.",
                      member_path(request.path, item.legs.empty() ? "type" : "legs"));
    return std::nullopt;
}

}  // namespace

void refuse_beyond_limits(const http::Request& request, BatchItems& items) {
    if (!request.key) return;
    for (auto& item : items)
        if (item)
            if (auto refused = check_item(request.key->limits, *item)) item = std::unexpected(*std::move(refused));
}

std::optional<http::Problem> check_floor(const http::Request& request, std::optional<std::int64_t> min_balance_cents) {
    if (!request.key || request.key->limits.may_overdraw || min_balance_cents.value_or(0) >= 0) return std::nullopt;
    return beyond("This API key may not give an account a floor below 0.", "min_balance_cents");
}

std::optional<http::Response> over_rate(const http::Request& request, const BatchItems& items,
                                        const std::shared_ptr<http::TenantUse>& tenant) {
    if (!request.key && !tenant) return std::nullopt;
    const auto count = std::ranges::count_if(items, [](const auto& item) { return item.has_value(); });
    if (request.key)
        if (const auto full = request.key->use->transactions.take(count, request.received_at))
            return http::rate_limited(http::key_transactions, *full);
    if (tenant)
        if (const auto full = tenant->transactions.take(count, request.received_at))
            return http::rate_limited(http::tenant_transactions, *full);
    return std::nullopt;
}

}  // namespace ledgerline::api
