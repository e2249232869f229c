// The problem codes of the API, and what each means to a client, in one table. The OpenAPI document lists them too.
//
// The edge has its own codes for requests that never reach a handler (http::edge_code).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/problem.h"

namespace ledgerline::api {

enum class ProblemCode {
    invalid_json,
    unknown_field,
    missing_field,
    invalid_field,
    invalid_id,
    unknown_parameter,
    duplicate_parameter,
    invalid_parameter,
    use_cursor,
    invalid_cursor,
    missing_idempotency_key,
    invalid_idempotency_key,
    idempotency_key_mismatch,
    account_not_found,
    transaction_not_found,
    dead_letter_not_found,
    hold_not_found,
    key_not_found,
    approval_not_found,
    webhook_not_found,
    delivery_not_found,
    key_limit_exceeded,
    own_request,
    reference_taken,
    dead_letter_decided,
    foreign_dead_letter,
    hold_closed,
    hold_failed,
    hold_expired,
    parent_undecided,
    transaction_failed,
    already_reversed,
    closed_is_final,
    account_not_empty,
    account_differs,
    name_taken,
    too_many_keys,
    too_many_tenants,
    key_ended,
    rotation_under_way,
    approval_pending,
    approval_expired,
    approval_decided,
    too_many_approvals,
    url_taken,
    too_many_webhooks,
    webhook_disabled,
    delivery_pending,
    too_many_deliveries,
    insufficient_balance,
    idempotency_key_reused,
    account_suspended,
    account_closed,
    currency_mismatch,
    limits_crossed,
    balance_limit_exceeded,
    balance_overflow,
    discarded,
    capture_exceeds_hold,
    not_reversible,
    reversal_exceeds_transaction,
    previous_failed,
    expiry_passed,
    internal_error,
    overloaded,
    database_unavailable,
    outcome_unknown,
    shutting_down,
};

struct ProblemKind {
    ProblemCode code;
    std::string_view name;  // as sent to clients
    int status;
    int retry_after_seconds;  // 0: a retry would not help
};

std::span<const ProblemKind> problem_kinds();
const ProblemKind& kind_of(ProblemCode code);

// field: the member, parameter or header at fault; may be empty.
http::Problem problem(ProblemCode code, std::string detail, std::string field = {});

// For failures of the queue, the pool and the database. Whatever the cause, nothing was stored, unless the code is
// outcome_unknown.
http::Problem problem_of(const Error& error);

// For a transaction that ended as FAILED: its failure code is the problem's. 402 insufficient_balance,
// 422 any other, also those that are a conflict (409) where a request is refused before it is stored.
http::Problem problem_of_failure(std::string_view failure_code, std::string_view reason);

}  // namespace ledgerline::api
