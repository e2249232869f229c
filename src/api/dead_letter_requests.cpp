#include "api/dead_letter_requests.h"

#include "api/fields.h"
#include "api/problem_code.h"
#include "api/transaction_request.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kStates[] = {"PARKED", "REPLAYED", "DISCARDED"};
constexpr std::string_view kErrorClasses[] = {"permanent", "unknown", "foreign"};
constexpr std::size_t kErrorCodeCharsMax = 100;

}  // namespace

DeadLetterFilter DeadLetterFilter::read(ListQuery& query) {
    const auto lane = query.integer("lane", 0, INT32_MAX);
    return {.state = query.choice("state", kStates),
            .error_class = query.choice("error_class", kErrorClasses),
            .error_code = query.text("error_code", kErrorCodeCharsMax),
            .account_id = query.uuid("account_id"),
            .lane = lane ? std::optional(static_cast<int>(*lane)) : std::nullopt,
            .failed_after = query.time("failed_after"),
            .failed_before = query.time("failed_before")};
}

std::expected<DecisionRequest, http::Problem> DecisionRequest::parse(const http::Request& request) {
    auto caller = Caller::parse(request);
    if (!caller) return std::unexpected(std::move(caller).error());
    DecisionRequest decision;
    decision.caller = *std::move(caller);
    if (request.body.empty()) return decision;

    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    auto by = fields.text("by", operator_chars_max);
    decision.reason = fields.text("reason", reason_chars_max);
    decision.bulk_id = fields.uuid("bulk_id");
    std::optional<std::string>& operator_name = decision.caller.operator_name;
    if (by && operator_name && *by != *operator_name)
        fields.complain(ProblemCode::invalid_field, "by", "must equal the X-Operator header");
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    if (by) operator_name = std::move(by);
    return decision;
}

}  // namespace ledgerline::api
