#include "api/tenant_endpoints.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "api/fields.h"
#include "api/header_fields.h"
#include "api/key_store.h"
#include "api/list_query.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

struct Tenant : sql::Tenant {
    static Tenant read(const db::NamedRow& in) { return {sql::Tenant::read(in)}; }
};

void append_json(const Tenant& tenant, std::string& out) {
    JsonObject(out)
        .add("name", tenant.name)
        .add("created_at", tenant.created_at)
        .add("requests_per_second", tenant.requests_per_second)
        .add("transactions_per_second", tenant.transactions_per_second)
        .add("request_kib_per_second", tenant.request_kib_per_second)
        .add("waiters_max", tenant.waiters_max)
        .add("shared", tenant.shared.value_or(false))
        .close();
}

// Who makes or limits a tenant, for the audit.
struct TenantAuthor {
    Caller caller;
    Uuid audit_id;  // made before the first try
};

struct EnsuredTenant {
    Tenant tenant;
    bool made = false;  // by this call
};

// Empty when there are too many. Safe to repeat.
Result<std::optional<EnsuredTenant>> ensure_tenant(db::Connection& connection, const std::string& name,
                                                   const TenantAuthor& author) {
    const Caller& caller = author.caller;
    LEDGERLINE_TRY(const auto results, connection.pipeline({{db::begin, {}},
                                                            sql::KeysLockTenants{},
                                                            sql::KeysCreateTenant{name, tenants_max},
                                                            sql::KeysTenantByName{name}}));
    const bool made = db::row_of<sql::KeysCreateTenant>(results[2]).made;
    const auto found = db::rows_of<sql::KeysTenantByName>(results[3]);
    const db::Call note = made ? db::Call(sql::KeysAuditTenant{name, author.audit_id, caller.key_id,
                                                               caller.operator_name, caller.peer, caller.request_id})
                               : db::Call(sql::DbSessionDurableMark{});
    LEDGERLINE_CHECK(connection.commit_pipeline({note, {db::commit, {}}}));
    if (found.empty()) return std::nullopt;
    return EnsuredTenant{{found.front()}, made};
}

struct NewLimits {
    http::TenantLimits limits;
    bool shared = false;
};

// Empty when there is no such tenant. Safe to repeat.
Result<std::optional<Tenant>> limit_tenant(db::Connection& connection, const std::string& name, const NewLimits& wanted,
                                           const TenantAuthor& author) {
    const http::TenantLimits& limits = wanted.limits;
    const Caller& caller = author.caller;
    const sql::KeysLimitTenant change{.name = name,
                                      .requests_per_second = limits.requests_per_second,
                                      .transactions_per_second = limits.transactions_per_second,
                                      .request_kib_per_second = limits.request_kib_per_second,
                                      .waiters_max = limits.waiters_max,
                                      .shared = wanted.shared,
                                      .audit_id = author.audit_id,
                                      .key_id = caller.key_id,
                                      .operator_name = caller.operator_name,
                                      .peer = caller.peer,
                                      .request_id = caller.request_id};
    LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}}, sql::KeysLockTenants{}, change}));
    LEDGERLINE_TRY(
        const auto results,
        connection.commit_pipeline({sql::KeysTenantByName{name}, sql::DbSessionDurableMark{}, {db::commit, {}}}));
    const auto found = db::rows_of<sql::KeysTenantByName>(results[0]);
    if (found.empty()) return std::nullopt;
    return Tenant{found.front()};
}

std::expected<NewLimits, http::Problem> parse_limits(const http::Request& request) {
    const auto body = parse_body(request);
    if (!body) return std::unexpected(body.error());
    Fields fields(*body, "");
    const auto limit = [&](std::string_view name) {
        return fields.integer(name, 1, http::TokenBucket::per_second_max);
    };
    const NewLimits wanted{.limits = {.requests_per_second = limit("requests_per_second"),
                                      .transactions_per_second = limit("transactions_per_second"),
                                      .request_kib_per_second = limit("request_kib_per_second"),
                                      .waiters_max = limit("waiters_max")},
                           .shared = fields.truth("shared").value_or(false)};
    if (auto broken = fields.finish()) return std::unexpected(*std::move(broken));
    return wanted;
}

http::Problem wrong_name() {
    return problem(ProblemCode::invalid_parameter,
                   fmt::format("The name in the path must have 1 to {} lower-case letters and digits, with hyphens "
                               "between them.",
                               tenant_name_chars_max),
                   "name");
}

}  // namespace

void TenantEndpoints::add_routes(http::Router& router) {
    router.add({.method = "PUT",
                .pattern = "/v1/tenants/{name}",
                .name = "ensure_tenant",
                .handler = [this](const http::Request& request) { return ensure(request); },
                .scope = http::Scope::tenants_admin});
    router.add({.method = "PUT",
                .pattern = "/v1/tenants/{name}/limits",
                .name = "limit_tenant",
                .handler = [this](const http::Request& request) { return limit(request); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::tenants_admin});
    router.add({.method = "GET",
                .pattern = "/v1/tenants",
                .name = "list_tenants",
                .handler = [this](http::Request& request) { return list(request); },
                .scope = http::Scope::tenants_admin});
}

TenantEndpoints::Answer TenantEndpoints::ensure(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const std::string name(request.path_param("name"));
    if (!is_tenant_name(name)) co_return http::to_response(wrong_name());
    const auto caller = Caller::parse(request);
    if (!caller) co_return http::to_response(caller.error());
    const TenantAuthor author{*caller, ids_.next()};
    const auto ensured = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return ensure_tenant(connection, name, author); });
    if (!ensured) co_return http::to_response(problem_of(ensured.error()));
    if (!*ensured)
        co_return http::to_response(
            problem(ProblemCode::too_many_tenants, fmt::format("There are {} tenants already.", tenants_max)));
    know((*ensured)->tenant);
    co_return record_response((*ensured)->made ? 201 : 200, (*ensured)->tenant);
}

TenantEndpoints::Answer TenantEndpoints::limit(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const std::string name(request.path_param("name"));
    if (!is_tenant_name(name)) co_return http::to_response(wrong_name());
    const auto caller = Caller::parse(request);
    if (!caller) co_return http::to_response(caller.error());
    const auto limits = parse_limits(request);
    if (!limits) co_return http::to_response(limits.error());
    const TenantAuthor author{*caller, ids_.next()};
    const auto limited = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return limit_tenant(connection, name, *limits, author); });
    if (!limited) co_return http::to_response(problem_of(limited.error()));
    if (!*limited)
        co_return http::to_response(
            http::edge_problem(404, http::edge_code::tenant_not_found, "There is no tenant with this name.", "name"));
    know(**limited);
    co_return record_response(200, **limited);
}

// What is shared is known when the part of this instance is read.
void TenantEndpoints::know(const sql::Tenant& tenant) {
    if (tenant.shared.value_or(false)) return;
    const http::KnownTenant known = known_of(tenant, 1);
    keys_.know(std::span(&known, 1));
}

TenantEndpoints::Answer TenantEndpoints::list(http::Request& request) {
    const ListQuery query(request, "tenants", {}, {CursorKind::seq});
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page = co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::string> {
        const std::int64_t before = query.after_seq().value_or(std::numeric_limits<std::int64_t>::max());
        const sql::KeysTenantsPage tenants{before, query.limit() + 1};
        LEDGERLINE_TRY(const auto rows, connection.query(tenants.statement, tenants.params()));
        return page_text("tenants", db::TypedRows<Tenant>(rows), query, [](const Tenant& each) { return each.id; });
    });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

}  // namespace ledgerline::api
