#include "api/key_endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "api/key_requests.h"
#include "api/responses.h"
#include "api/transaction_request.h"
#include "base/json_object.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

constexpr std::size_t kSubjectCharsMax = 300;  // of what was asked for: a method and a path

http::Response key_not_found() {
    return http::to_response(problem(ProblemCode::key_not_found, "There is no API key with this id."));
}

// The key; with its text only where that is new. No cache may keep that.
http::Response key_response(int status, const KeyRecord& key, const KeyText* text) {
    std::string body;
    JsonObject object(body);
    key.add_to(object);
    if (text) object.add("key", text->text);
    object.close();
    auto response = json_response(status, std::move(body));
    if (text) response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

http::Problem problem_of_obstacle(std::string_view obstacle) {
    if (obstacle == "name_taken")
        return problem(ProblemCode::name_taken, "Another API key that is not revoked has this name.", "name");
    if (obstacle == "too_many_keys")
        return problem(ProblemCode::too_many_keys,
                       fmt::format("There are {} API keys that are not revoked: revoke one first.", keys_max));
    if (obstacle == "first_key_not_admin")
        return problem(
            ProblemCode::invalid_field,
            "scopes must include admin, and the tenant be the default one: this is the first API key, and from now "
            "on every call needs one.",
            "scopes");
    if (obstacle == "key_ended") return problem(ProblemCode::key_ended, "The API key is revoked or has expired.");
    LEDGERLINE_ASSERT(obstacle == "rotation_under_way");
    return problem(ProblemCode::rotation_under_way,
                   "The API key is rotating, and both of its secrets are in use: wait until previous_ends_at.");
}

http::Response change_response(const Result<ChangedKey>& changed, int status, const KeyText* text) {
    if (!changed) return http::to_response(problem_of(changed.error()));
    if (!changed->obstacle.empty()) return http::to_response(problem_of_obstacle(changed->obstacle));
    if (!changed->key) return key_not_found();
    return key_response(status, *changed->key, text);
}

std::expected<KeyAuthor, http::Problem> author_of(const http::Request& request, UuidGenerator& ids) {
    auto caller = Caller::parse(request);
    if (!caller) return std::unexpected(std::move(caller).error());
    return KeyAuthor{.caller = *std::move(caller), .audit_id = ids.next()};
}

// Scopes that reach beyond a tenant: some are of no use in one, and one is given by operators only.
std::optional<http::Problem> check_scopes(const http::Request& request, const NewKey& key) {
    for (const std::string& name : key.scopes) {
        const auto scope = http::parse_scope(name);
        if (!scope) continue;
        if (request.tenant != default_tenant && http::is_of_installation(*scope))
            return problem(ProblemCode::invalid_field,
                           fmt::format("{} is of all tenants: only API keys of the default tenant can have it.", name),
                           "scopes");
        if (*scope == http::Scope::cross_tenant && !request.is_of_operator())
            return problem(ProblemCode::key_limit_exceeded,
                           fmt::format("Only an API key with the scope tenants:admin can give out {}.", name),
                           "scopes");
    }
    return std::nullopt;
}

// What revoke and rotate are told: which key, by whom, and how.
struct Order {
    Uuid id;
    KeyAuthor author;
    KeyChange change;

    static std::expected<Order, http::Problem> parse(const http::Request& request, KeyChangeKind kind,
                                                     UuidGenerator& ids) {
        if (auto wrong = check_parameters(request, {})) return std::unexpected(*std::move(wrong));
        const auto id = path_id(request);
        if (!id) return std::unexpected(id.error());
        auto author = author_of(request, ids);
        if (!author) return std::unexpected(std::move(author).error());
        auto change = parse_key_change(request, kind);
        if (!change) return std::unexpected(std::move(change).error());
        author->reason = change->reason;
        return Order{*id, *std::move(author), *std::move(change)};
    }
};

db::Call audit_call(const ListQuery& query, const std::optional<std::string>& subject,
                    const std::optional<std::string>& key_id) {
    const Uuid before = query.after_id().value_or(greatest_id());
    const std::int64_t rows = query.limit() + 1;
    if (subject) return sql::KeysAuditOfSubject{before, rows, page_bytes, *subject, query.tenant()};
    if (key_id) return sql::KeysAuditOfKey{before, rows, page_bytes, *key_id, query.tenant()};
    return sql::KeysAuditPage{before, rows, page_bytes, query.tenant()};
}

}  // namespace

void KeyEndpoints::add_routes(http::Router& router) {
    using Call = Answer (KeyEndpoints::*)(const http::Request&);
    using ListCall = Answer (KeyEndpoints::*)(http::Request&);
    const auto add = [&](const char* method, const char* pattern, const char* name, Call call) {
        router.add({.method = method,
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](const http::Request& request) { return (this->*call)(request); },
                    .body_bytes_max = method == std::string_view("POST") ? body_bytes_max : 0,
                    .scope = http::Scope::admin});
    };
    const auto add_list = [&](const char* pattern, const char* name, ListCall call) {
        router.add({.method = "GET",
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](http::Request& request) { return (this->*call)(request); },
                    .scope = http::Scope::admin});
    };
    add("POST", "/v1/keys", "create_key", &KeyEndpoints::create);
    add_list("/v1/keys", "list_keys", &KeyEndpoints::list);
    add("GET", "/v1/keys/{id}", "get_key", &KeyEndpoints::get);
    add("POST", "/v1/keys/{id}/revoke", "revoke_key", &KeyEndpoints::revoke);
    add("POST", "/v1/keys/{id}/rotate", "rotate_key", &KeyEndpoints::rotate);
    add_list("/v1/audit", "list_audit", &KeyEndpoints::audit);
}

KeyEndpoints::Answer KeyEndpoints::create(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto author = author_of(request, context_.ids);
    if (!author) co_return http::to_response(author.error());
    const auto body = parse_body(request);
    if (!body) co_return http::to_response(body.error());
    const auto key = parse_key(*body, context_.clock.wall_now());
    if (!key) co_return http::to_response(key.error());
    if (const auto beyond = check_scopes(request, *key)) co_return http::to_response(*beyond);
    const Uuid id = context_.ids.next();
    const KeyText text = KeyText::make(id, context_.random);
    const auto made = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return create_key(connection, id, *key, text, *author); });
    keeper_.wake();
    auto response = change_response(made, 201, &text);
    if (response.status == 201) response.headers.emplace_back("Location", "/v1/keys/" + id.to_string());
    co_return response;
}

KeyEndpoints::Answer KeyEndpoints::get(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::KeysById{*id, request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return key_not_found();
    co_return key_response(200, found->front(), nullptr);
}

KeyEndpoints::Answer KeyEndpoints::list(http::Request& request) {
    const ListQuery query(request, "keys", {});
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page = co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::string> {
        const sql::KeysPage keys{query.after_id().value_or(greatest_id()), query.limit() + 1, query.tenant()};
        LEDGERLINE_TRY(const auto rows, connection.query(keys.statement, keys.params()));
        return page_text("keys", db::TypedRows<KeyRecord>(rows), query, [](const KeyRecord& each) { return each.id; });
    });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

KeyEndpoints::Answer KeyEndpoints::revoke(const http::Request& request) {
    const auto order = Order::parse(request, KeyChangeKind::revoke, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const auto changed = co_await database_.run(
        request.trace, [&](db::Connection& connection) { return revoke_key(connection, order->id, order->author); });
    keeper_.wake();
    co_return change_response(changed, 200, nullptr);
}

KeyEndpoints::Answer KeyEndpoints::rotate(const http::Request& request) {
    const auto order = Order::parse(request, KeyChangeKind::rotate, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const KeyText text = KeyText::make(order->id, context_.random);
    const auto changed = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return rotate_key(connection, order->id, text, order->change.overlap, order->author);
    });
    keeper_.wake();
    co_return change_response(changed, 200, &text);
}

KeyEndpoints::Answer KeyEndpoints::audit(http::Request& request) {
    constexpr std::string_view filters[] = {"subject", "key_id"};
    ListQuery query(request, "audit", filters);
    const auto subject = query.text("subject", kSubjectCharsMax);
    const auto key_id = query.text("key_id", kSubjectCharsMax);
    if (subject && key_id) query.refuse("key_id", "key_id must not be given together with subject.");
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    const db::Call call = audit_call(query, subject, key_id);
    auto page = co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::string> {
        // A key that is rare is found by another index than one that did nearly everything.
        LEDGERLINE_TRY(
            const auto results,
            connection.pipeline({{db::begin, {}}, sql::LettersPlanForTheseParameters{}, call, {db::commit, {}}}));
        return page_text("audit", db::TypedRows<AuditRecord>(results[2]), query,
                         [](const AuditRecord& each) { return each.id; });
    });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

}  // namespace ledgerline::api
