// The calls of AccountEndpoints that change an account, and that tell how it was changed.
#include <fmt/format.h>

#include <limits>

#include "api/account_change.h"
#include "api/account_endpoints.h"
#include "api/account_requests.h"
#include "api/key_limits.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

http::Problem problem_of_obstacle(const ChangedAccount& refused, const AccountChange& change) {
    const AccountRecord& account = refused.account;
    if (refused.obstacle == "closed_is_final")
        return problem(ProblemCode::closed_is_final, "The account is closed, which is final: it cannot be changed.");
    if (refused.obstacle == "account_not_empty")
        return problem(ProblemCode::account_not_empty,
                       fmt::format("Only an account with a balance of 0 that holds nothing can be closed; this one has "
                                   "a balance of {} and holds {}.",
                                   account.balance_cents, account.held_cents),
                       "status");
    LEDGERLINE_ASSERT(refused.obstacle == "limits_crossed");
    // One of them is the account's: parse_change() has compared them if both are the caller's.
    return change.min_balance_cents
               ? problem(ProblemCode::limits_crossed,
                         fmt::format("min_balance_cents must not be above the account's max_balance_cents ({}).",
                                     account.max_balance_cents.value_or(0)),
                         "min_balance_cents")
               : problem(ProblemCode::limits_crossed,
                         fmt::format("max_balance_cents must not be below the account's min_balance_cents ({}).",
                                     account.min_balance_cents),
                         "max_balance_cents");
}

http::Response change_response(const Result<std::optional<ChangedAccount>>& changed, const AccountChange& change) {
    if (!changed) return http::to_response(problem_of(changed.error()));
    if (!*changed) return account_not_found();
    if (!(*changed)->obstacle.empty()) return http::to_response(problem_of_obstacle(**changed, change));
    return record_response(200, (*changed)->account);
}

// What somebody else may have to approve.
std::optional<ApprovedAction> action_of(const AccountChange& change) {
    if (change.status == "SUSPENDED") return ApprovedAction::suspend;
    if (change.status == "CLOSED") return ApprovedAction::close;
    return std::nullopt;
}

// Newest first. Empty when there is no such account.
Result<std::optional<std::string>> list_changes(db::Connection& connection, const Uuid& id, const ListQuery& query) {
    const std::int64_t before = query.after_seq().value_or(std::numeric_limits<std::int64_t>::max());
    LEDGERLINE_TRY(const auto results, connection.pipeline({sql::ApiAccountById{id, query.tenant()},
                                                            sql::ApiAccountChangesPage{.account_id = id,
                                                                                       .before_number = before,
                                                                                       .rows_max = query.limit() + 1,
                                                                                       .bytes_max = page_bytes,
                                                                                       .tenant = query.tenant()}}));
    if (db::rows_of<sql::ApiAccountById>(results[0]).empty()) return std::nullopt;
    return page_text("changes", db::TypedRows<AccountChangeRecord>(results[1]), query,
                     [](const AccountChangeRecord& each) { return std::int64_t{each.number}; });
}

}  // namespace

AccountEndpoints::Answer AccountEndpoints::change(const http::Request& request, bool approved) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto caller = Caller::parse(request);
    if (!caller) co_return http::to_response(caller.error());
    const auto body = parse_body(request);
    if (!body) co_return http::to_response(body.error());
    const auto wanted = parse_change(*body);
    if (!wanted) co_return http::to_response(wanted.error());
    if (const auto beyond = check_floor(request, wanted->min_balance_cents)) co_return http::to_response(*beyond);
    if (const auto action = action_of(*wanted); action && !approved && approvals_.needed(*action))
        co_return co_await ask_to_change(request, *caller, {*action, *id});
    const Uuid audit_id = ids_.next();
    const auto changed = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return change_account(connection, *id, *wanted, *caller, audit_id);
    });
    co_return change_response(changed, *wanted);
}

AccountEndpoints::Answer AccountEndpoints::ask_to_change(const http::Request& request, const Caller& caller,
                                                         ApprovalSubject wanted) {
    const auto account = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::ApiAccountById{wanted.id, request.tenant});
    });
    if (!account) co_return http::to_response(problem_of(account.error()));
    if (account->empty()) co_return account_not_found();
    co_return co_await approvals_.ask(request, caller, wanted);
}

AccountEndpoints::Answer AccountEndpoints::changes(http::Request& request) {
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const ListQuery query(request, fmt::format("changes/{}", id->to_string()), {}, {CursorKind::seq});
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto changes = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return list_changes(connection, *id, query); });
    if (!changes) co_return http::to_response(problem_of(changes.error()));
    if (!*changes) co_return account_not_found();
    co_return co_await text_response(request, **std::move(changes));
}

}  // namespace ledgerline::api
