#include "api/problem_code.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"

namespace ledgerline::api {
namespace {

using enum ProblemCode;

constexpr int kRetrySoonSeconds = 1;
constexpr int kRetryOutageSeconds = 2;

// In enum order.
constexpr ProblemKind kKinds[] = {
    {invalid_json, "invalid_json", 400, 0},
    {unknown_field, "unknown_field", 400, 0},
    {missing_field, "missing_field", 400, 0},
    {invalid_field, "invalid_field", 400, 0},
    {invalid_id, "invalid_id", 400, 0},
    {unknown_parameter, "unknown_parameter", 400, 0},
    {duplicate_parameter, "duplicate_parameter", 400, 0},
    {invalid_parameter, "invalid_parameter", 400, 0},
    {use_cursor, "use_cursor", 400, 0},
    {invalid_cursor, "invalid_cursor", 400, 0},
    {missing_idempotency_key, "missing_idempotency_key", 400, 0},
    {invalid_idempotency_key, "invalid_idempotency_key", 400, 0},
    {idempotency_key_mismatch, "idempotency_key_mismatch", 400, 0},
    {account_not_found, "account_not_found", 404, 0},
    {transaction_not_found, "transaction_not_found", 404, 0},
    {dead_letter_not_found, "dead_letter_not_found", 404, 0},
    {hold_not_found, "hold_not_found", 404, 0},
    {key_not_found, "key_not_found", 404, 0},
    {approval_not_found, "approval_not_found", 404, 0},
    {webhook_not_found, "webhook_not_found", 404, 0},
    {delivery_not_found, "delivery_not_found", 404, 0},
    {key_limit_exceeded, "key_limit_exceeded", 403, 0},
    {own_request, "own_request", 403, 0},
    {reference_taken, "reference_taken", 409, 0},
    {dead_letter_decided, "dead_letter_decided", 409, 0},
    {foreign_dead_letter, "foreign_dead_letter", 409, 0},
    {hold_closed, "hold_closed", 409, 0},
    {hold_failed, "hold_failed", 409, 0},
    {hold_expired, "hold_expired", 409, 0},
    {parent_undecided, "parent_undecided", 409, 0},
    {transaction_failed, "transaction_failed", 409, 0},
    {already_reversed, "already_reversed", 409, 0},
    {closed_is_final, "closed_is_final", 409, 0},
    {account_not_empty, "account_not_empty", 409, 0},
    {account_differs, "account_differs", 409, 0},
    {name_taken, "name_taken", 409, 0},
    {too_many_keys, "too_many_keys", 409, 0},
    {too_many_tenants, "too_many_tenants", 409, 0},
    {key_ended, "key_ended", 409, 0},
    {rotation_under_way, "rotation_under_way", 409, 0},
    {approval_pending, "approval_pending", 409, 0},
    {approval_expired, "approval_expired", 409, 0},
    {approval_decided, "approval_decided", 409, 0},
    {too_many_approvals, "too_many_approvals", 409, 0},
    {url_taken, "url_taken", 409, 0},
    {too_many_webhooks, "too_many_webhooks", 409, 0},
    {webhook_disabled, "webhook_disabled", 409, 0},
    {delivery_pending, "delivery_pending", 409, 0},
    {too_many_deliveries, "too_many_deliveries", 409, 0},
    {insufficient_balance, "insufficient_balance", 402, 0},
    {idempotency_key_reused, "idempotency_key_reused", 422, 0},
    {account_suspended, "account_suspended", 422, 0},
    {account_closed, "account_closed", 422, 0},
    {currency_mismatch, "currency_mismatch", 422, 0},
    {limits_crossed, "limits_crossed", 422, 0},
    {balance_limit_exceeded, "balance_limit_exceeded", 422, 0},
    {balance_overflow, "balance_overflow", 422, 0},
    {discarded, "discarded", 422, 0},
    {capture_exceeds_hold, "capture_exceeds_hold", 422, 0},
    {not_reversible, "not_reversible", 422, 0},
    {reversal_exceeds_transaction, "reversal_exceeds_transaction", 422, 0},
    {previous_failed, "previous_failed", 422, 0},
    {expiry_passed, "expiry_passed", 422, 0},
    {internal_error, "internal_error", 500, 0},
    {overloaded, "overloaded", 503, kRetrySoonSeconds},
    {database_unavailable, "database_unavailable", 503, kRetryOutageSeconds},
    {outcome_unknown, "outcome_unknown", 503, kRetrySoonSeconds},
    {shutting_down, "shutting_down", 503, kRetryOutageSeconds},
};

}  // namespace

std::span<const ProblemKind> problem_kinds() { return kKinds; }

const ProblemKind& kind_of(ProblemCode code) {
    const ProblemKind& kind = kKinds[static_cast<std::size_t>(code)];
    LEDGERLINE_ASSERT(kind.code == code);
    return kind;
}

http::Problem problem(ProblemCode code, std::string detail, std::string field) {
    const ProblemKind& kind = kind_of(code);
    http::Problem document;
    document.status = kind.status;
    document.code = kind.name;
    document.detail = std::move(detail);
    document.field = std::move(field);
    document.retry_after_seconds = kind.retry_after_seconds;
    return document;
}

http::Problem problem_of_failure(std::string_view failure_code, std::string_view reason) {
    const ProblemKind& no_money = kind_of(insufficient_balance);
    http::Problem document;
    document.status = failure_code == no_money.name ? no_money.status : 422;
    document.code = failure_code;
    document.detail = "The transaction was accepted and ended as FAILED: " + http::echo(reason);
    return document;
}

http::Problem problem_of(const Error& error) {
    if (error.code == kind_of(overloaded).name)
        return problem(overloaded, "Too much work is waiting. Nothing was stored; try again later.");
    if (error.code == kind_of(shutting_down).name)
        return problem(shutting_down, "This server is shutting down. Nothing was stored; try again.");
    if (error.code == kind_of(outcome_unknown).name)
        return problem(outcome_unknown,
                       "It is not known whether this was stored. Repeat the same request, with the same "
                       "idempotency key if it had one.");
    if (error.disposition != Disposition::refuse) {
        log::warn("a request failed because of the database", {{"code", error.code}, {"reason", error.message}});
        return problem(database_unavailable,
                       "The database is unavailable at the moment. Nothing was stored; try again later.");
    }
    log::error("the database refused a statement", {{"code", error.code}, {"reason", error.message}});
    return problem(internal_error, "The database refused this request. Nothing was stored.");
}

}  // namespace ledgerline::api
