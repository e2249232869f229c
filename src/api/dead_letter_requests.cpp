#include "api/dead_letter_requests.h"

#include <algorithm>

#include "api/fields.h"
#include "api/problem_code.h"
#include "api/transaction_request.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kStates[] = {"PARKED", "REPLAYED", "DISCARDED"};
constexpr std::string_view kErrorClasses[] = {"permanent", "unknown", "foreign"};
constexpr std::size_t kErrorCodeCharsMax = 100;

constexpr const char* kUnnamed = "api";
constexpr const char* kOperatorHeader = "X-Operator";

using OperatorName = std::expected<std::optional<std::string>, http::Problem>;

std::unexpected<http::Problem> bad_operator(std::string rule) {
    return std::unexpected(problem(ProblemCode::invalid_field, "X-Operator " + std::move(rule), kOperatorHeader));
}

OperatorName operator_of_header(const http::Request& request) {
    const auto count = std::ranges::count(request.headers, "x-operator", &http::Header::first);
    if (count == 0) return std::nullopt;
    if (count > 1) return bad_operator("must be sent once.");
    // The rules of a body member apply.
    const json::Value header(json::Object{{"operator", *request.header("x-operator")}});
    const auto text = json::parse(json::serialize(header));
    if (!text) return bad_operator("must be UTF-8.");
    Fields fields(*text, "");
    auto name = fields.text("operator", DecisionRequest::operator_chars_max);
    if (fields.finish()) return bad_operator("must have 1 to 100 characters, none of them a control character.");
    return name;
}

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
    DecisionRequest decision;
    decision.request_id = request.request_id;
    if (!request.key_fingerprint.empty()) decision.key_fingerprint = request.key_fingerprint;
    auto from_header = operator_of_header(request);
    if (!from_header) return std::unexpected(std::move(from_header).error());
    decision.operator_name = *std::move(from_header);
    if (request.body.empty()) return decision;

    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    auto by = fields.text("by", operator_chars_max);
    decision.reason = fields.text("reason", reason_chars_max);
    decision.bulk_id = fields.uuid("bulk_id");
    if (by && decision.operator_name && *by != *decision.operator_name)
        fields.complain(ProblemCode::invalid_field, "by", "must equal the X-Operator header");
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    if (by) decision.operator_name = std::move(by);
    return decision;
}

std::string DecisionRequest::decided_by() const {
    if (operator_name) return *operator_name;
    return key_fingerprint ? "key:" + *key_fingerprint : kUnnamed;
}

}  // namespace ledgerline::api
