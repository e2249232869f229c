#include "api/account_endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "api/account_requests.h"
#include "api/fields.h"
#include "api/header_fields.h"
#include "api/key_limits.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

db::Call page_call(const ListQuery& query, const std::optional<std::string>& reference,
                   const std::optional<std::string>& status) {
    const Uuid before = query.after_id().value_or(greatest_id());
    if (reference) return sql::ApiAccountByReference{reference, status, before, query.tenant()};
    const std::int64_t rows = query.limit() + 1;
    if (!status) return sql::ApiAccountsPage{before, rows, page_bytes, query.tenant()};
    return sql::ApiAccountsByStatus{before, rows, page_bytes, *status, query.tenant()};
}

Result<std::string> list_accounts(db::Connection& connection, const ListQuery& query,
                                  const std::optional<std::string>& reference,
                                  const std::optional<std::string>& status) {
    const db::Call page = page_call(query, reference, status);
    LEDGERLINE_TRY(const auto rows, connection.query(page.statement, page.params));
    return page_text("accounts", db::TypedRows<AccountRecord>(rows), query,
                     [](const AccountRecord& each) { return each.id; });
}

// Empty when there is no such account.
Result<std::optional<AccountRecord>> find_account(db::Connection& connection, const Uuid& id, int tenant) {
    LEDGERLINE_TRY(auto accounts, connection.query(sql::ApiAccountById{id, tenant}));
    if (accounts.empty()) return std::nullopt;
    return std::move(accounts.front());
}

http::Response account_response(const Result<std::optional<AccountRecord>>& account) {
    if (!account) return http::to_response(problem_of(account.error()));
    if (!*account) return account_not_found();
    return record_response(200, **account);
}

// 201 for one that this call has created.
http::Response named_response(const Result<Creation>& creation, const NamedAccount& named) {
    if (!creation) return http::to_response(problem_of(creation.error()));
    if (creation->status == Creation::Status::created) {
        auto response = record_response(201, creation->account);
        response.headers.emplace_back("Location", "/v1/accounts/" + creation->account.id.to_string());
        return response;
    }
    if (const auto difference = named.difference_to(creation->account)) return http::to_response(*difference);
    return record_response(200, creation->account);
}

http::Response creation_response(const Result<Creation>& creation) {
    if (!creation) return http::to_response(problem_of(creation.error()));
    if (creation->status == Creation::Status::key_reused)
        return http::to_response(problem(ProblemCode::idempotency_key_reused,
                                         "This idempotency key was used to create an account with a different request.",
                                         "Idempotency-Key"));
    if (creation->status == Creation::Status::reference_taken) {
        auto taken = problem(ProblemCode::reference_taken, "Another account has this reference.", "reference");
        taken.extensions.emplace_back("account_id", creation->account.id.to_string());
        return http::to_response(taken);
    }
    auto response = record_response(201, creation->account);
    response.headers.emplace_back("Location", "/v1/accounts/" + creation->account.id.to_string());
    if (creation->status == Creation::Status::replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
    return response;
}

}  // namespace

http::Response account_not_found() {
    return http::to_response(problem(ProblemCode::account_not_found, "There is no account with this id or reference."));
}

void AccountEndpoints::add_routes(http::Router& router) {
    using http::Request;
    router.add({.method = "POST",
                .pattern = "/v1/accounts",
                .name = "create_account",
                .handler = [this](const Request& request) { return create(request); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::accounts_write});
    router.add({.method = "GET",
                .pattern = "/v1/accounts",
                .name = "list_accounts",
                .handler = [this](Request& request) { return list(request); },
                .scope = http::Scope::accounts_read});
    router.add({.method = "GET",
                .pattern = "/v1/accounts/{id}",
                .name = "get_account",
                .handler = [this](const Request& request) { return get(request); },
                .scope = http::Scope::accounts_read});
    router.add({.method = "PATCH",
                .pattern = "/v1/accounts/{id}",
                .name = "change_account",
                .handler = [this](const Request& request) { return change(request, false); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::accounts_write});
    router.add({.method = "GET",
                .pattern = "/v1/accounts/by-reference/{reference}",
                .name = "get_account_by_reference",
                .handler = [this](const Request& request) { return get_by_reference(request); },
                .scope = http::Scope::accounts_read});
    router.add({.method = "PUT",
                .pattern = "/v1/accounts/by-reference/{reference}",
                .name = "ensure_account",
                .handler = [this](const Request& request) { return ensure(request); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::accounts_write});
    router.add({.method = "GET",
                .pattern = "/v1/accounts/{id}/changes",
                .name = "list_account_changes",
                .handler = [this](Request& request) { return changes(request); },
                .scope = http::Scope::accounts_read});
    router.add({.method = "GET",
                .pattern = "/v1/accounts/{id}/entries",
                .name = "list_entries",
                .handler = [this](Request& request) { return entries(request); },
                .scope = http::Scope::accounts_read});
    router.add({.method = "GET",
                .pattern = "/v1/accounts/{id}/balance",
                .name = "get_balance",
                .handler = [this](const Request& request) { return balance(request); },
                .scope = http::Scope::accounts_read});
    router.add({.method = "GET",
                .pattern = "/v1/trial-balance",
                .name = "get_trial_balance",
                .handler = [this](const Request& request) { return trial_balance(request); },
                .scope = http::Scope::accounts_read});
}

AccountEndpoints::Answer AccountEndpoints::create(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto body = parse_body(request);
    if (!body) co_return http::to_response(body.error());
    auto account = parse_account(*body);
    if (!account) co_return http::to_response(account.error());
    auto key = read_idempotency_key(request);
    if (!key) co_return http::to_response(key.error());
    account->idempotency_key = *std::move(key);
    if (const auto beyond = check_floor(request, account->min_balance_cents)) co_return http::to_response(*beyond);
    account->id = ids_.next();
    const AccountAuthor author{Caller::unnamed(request), ids_.next()};
    const auto creation = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return create_account(connection, *account, author); });
    co_return creation_response(creation);
}

AccountEndpoints::Answer AccountEndpoints::get(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto account = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return find_account(connection, *id, request.tenant); });
    co_return account_response(account);
}

AccountEndpoints::Answer AccountEndpoints::list(http::Request& request) {
    constexpr std::string_view filters[] = {"reference", "status"};
    ListQuery query(request, "accounts", filters);
    const auto reference = query.text("reference", account_reference_chars_max);
    const auto status = query.choice("status", account_statuses);
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto accounts = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return list_accounts(connection, query, reference, status); });
    if (!accounts) co_return http::to_response(problem_of(accounts.error()));
    co_return co_await text_response(request, *std::move(accounts));
}

AccountEndpoints::Answer AccountEndpoints::get_by_reference(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto reference = path_reference(request);
    if (!reference) co_return http::to_response(reference.error());
    const auto account =
        co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::optional<AccountRecord>> {
            LEDGERLINE_TRY(auto found, connection.query(sql::ApiAccountByReference{*reference, std::nullopt,
                                                                                   greatest_id(), request.tenant}));
            if (found.empty()) return std::nullopt;
            return std::move(found.front());
        });
    co_return account_response(account);
}

AccountEndpoints::Answer AccountEndpoints::ensure(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    auto named = NamedAccount::parse(request);
    if (!named) co_return http::to_response(named.error());
    if (const auto beyond = check_floor(request, named->account.min_balance_cents))
        co_return http::to_response(*beyond);
    named->account.id = ids_.next();
    const AccountAuthor author{Caller::unnamed(request), ids_.next()};
    const auto creation = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return create_account(connection, named->account, author); });
    co_return named_response(creation, *named);
}

}  // namespace ledgerline::api
