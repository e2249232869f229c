#include "api/webhook_endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "api/responses.h"
#include "api/transaction_request.h"
#include "base/json_object.h"
#include "notify/signature.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kDeliveryStatuses[] = {"PENDING", "DELIVERED", "FAILED"};

http::Response webhook_not_found() {
    return http::to_response(problem(ProblemCode::webhook_not_found, "There is no webhook with this id."));
}

http::Response delivery_not_found() {
    return http::to_response(
        problem(ProblemCode::delivery_not_found,
                "There is no delivery with this id: it never was, or it was one of those that are kept no longer."));
}

// The endpoint; with its secret only where that is new. No cache may keep that.
http::Response webhook_response(int status, const WebhookRecord& webhook, const std::string* secret) {
    std::string body;
    JsonObject object(body);
    webhook.add_to(object);
    if (secret) object.add("secret", notify::secret_text(*secret));
    object.close();
    auto response = json_response(status, std::move(body));
    if (secret) response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

http::Problem problem_of_obstacle(std::string_view obstacle) {
    if (obstacle == "url_taken") return problem(ProblemCode::url_taken, "Another webhook has this URL.", "url");
    if (obstacle == "too_many_webhooks")
        return problem(ProblemCode::too_many_webhooks,
                       fmt::format("There are {} webhooks: delete one first.", webhooks_max));
    if (obstacle == "too_many_webhooks_of_all")
        return problem(ProblemCode::too_many_webhooks,
                       fmt::format("The installation has {} webhooks, and takes no more.", webhooks_of_all_max));
    if (obstacle == "rotation_under_way")
        return problem(ProblemCode::rotation_under_way,
                       "The secret is rotating, and two of them sign: wait until previous_secret_ends_at.");
    if (obstacle == "webhook_disabled")
        return problem(ProblemCode::webhook_disabled, "The webhook is disabled: enable it first.");
    if (obstacle == "delivery_pending")
        return problem(ProblemCode::delivery_pending, "The delivery is pending: it will be tried again by itself.");
    LEDGERLINE_ASSERT(obstacle == "too_many_deliveries");
    return problem(ProblemCode::too_many_deliveries,
                   fmt::format("{} deliveries that were asked for wait to be sent.", requested_deliveries_max));
}

http::Response change_response(const Result<ChangedWebhook>& changed, int status, const std::string* secret) {
    if (!changed) return http::to_response(problem_of(changed.error()));
    if (!changed->obstacle.empty()) return http::to_response(problem_of_obstacle(changed->obstacle));
    if (!changed->record) return webhook_not_found();
    return webhook_response(status, *changed->record, secret);
}

// What all calls that change an endpoint are told: which one, and by whom.
struct Order {
    Uuid id;
    WebhookAuthor author;

    // Without an id for one that is new.
    static std::expected<Order, http::Problem> parse(const http::Request& request, UuidGenerator& ids) {
        if (auto wrong = check_parameters(request, {})) return std::unexpected(*std::move(wrong));
        const auto id = request.path_param("id").empty() ? ids.next() : path_id(request);
        if (!id) return std::unexpected(id.error());
        auto caller = Caller::parse(request);
        if (!caller) return std::unexpected(std::move(caller).error());
        return Order{*id, {.caller = *std::move(caller), .audit_id = ids.next()}};
    }
};

std::expected<Uuid, http::Problem> path_delivery(const http::Request& request) {
    if (const auto id = Uuid::parse(request.path_param("delivery_id"))) return *id;
    return std::unexpected(problem(ProblemCode::invalid_id,
                                   "The delivery's id in the path must be a UUID in its 36-character form.",
                                   "delivery_id"));
}

http::Response asked_response(const Result<ChangedDelivery>& asked, http::Response (*not_found)()) {
    if (!asked) return http::to_response(problem_of(asked.error()));
    if (!asked->obstacle.empty()) return http::to_response(problem_of_obstacle(asked->obstacle));
    if (!asked->record) return not_found();
    return record_response(202, *asked->record);
}

}  // namespace

void WebhookEndpoints::add_routes(http::Router& router) {
    using Call = Answer (WebhookEndpoints::*)(http::Request&);
    const auto add = [&](const char* method, const char* pattern, const char* name, Call call, std::size_t body = 0) {
        const bool reads = method == std::string_view("GET");
        router.add({.method = method,
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](http::Request& request) { return (this->*call)(request); },
                    .body_bytes_max = body,
                    .scope = reads ? http::Scope::webhooks_read : http::Scope::webhooks_write});
    };
    add("POST", "/v1/webhooks", "create_webhook", &WebhookEndpoints::create, body_bytes_max);
    add("GET", "/v1/webhooks", "list_webhooks", &WebhookEndpoints::list);
    add("GET", "/v1/webhooks/{id}", "get_webhook", &WebhookEndpoints::get);
    add("PATCH", "/v1/webhooks/{id}", "update_webhook", &WebhookEndpoints::change, body_bytes_max);
    add("DELETE", "/v1/webhooks/{id}", "delete_webhook", &WebhookEndpoints::remove);
    add("POST", "/v1/webhooks/{id}/rotate", "rotate_webhook", &WebhookEndpoints::rotate, body_bytes_max);
    add("POST", "/v1/webhooks/{id}/ping", "ping_webhook", &WebhookEndpoints::ping);
    add("GET", "/v1/webhooks/{id}/deliveries", "list_webhook_deliveries", &WebhookEndpoints::deliveries);
    add("GET", "/v1/webhooks/{id}/deliveries/{delivery_id}", "get_webhook_delivery", &WebhookEndpoints::delivery);
    add("POST", "/v1/webhooks/{id}/deliveries/{delivery_id}/resend", "resend_webhook_delivery",
        &WebhookEndpoints::send_again);
}

WebhookEndpoints::Answer WebhookEndpoints::create(http::Request& request) {
    const auto order = Order::parse(request, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const auto body = parse_body(request);
    if (!body) co_return http::to_response(body.error());
    const auto terms = parse_webhook(*body, WebhookCall::create, destinations_);
    if (!terms) co_return http::to_response(terms.error());
    const std::string secret = new_webhook_secret(context_.random);
    const auto made = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return create_webhook(connection, order->id, *terms, secret, order->author);
    });
    auto response = change_response(made, 201, &secret);
    if (response.status == 201) response.headers.emplace_back("Location", "/v1/webhooks/" + order->id.to_string());
    co_return response;
}

WebhookEndpoints::Answer WebhookEndpoints::get(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto found = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::WebhooksById{*id, request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return webhook_not_found();
    co_return webhook_response(200, found->front(), nullptr);
}

WebhookEndpoints::Answer WebhookEndpoints::list(http::Request& request) {
    const ListQuery query(request, "webhooks", {});
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page = co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::string> {
        const sql::WebhooksPage webhooks{query.after_id().value_or(greatest_id()), query.limit() + 1, query.tenant()};
        LEDGERLINE_TRY(const auto rows, connection.query(webhooks.statement, webhooks.params()));
        return page_text("webhooks", db::TypedRows<WebhookRecord>(rows), query,
                         [](const WebhookRecord& each) { return each.id; });
    });
    if (!page) co_return http::to_response(problem_of(page.error()));
    co_return co_await text_response(request, *std::move(page));
}

WebhookEndpoints::Answer WebhookEndpoints::change(http::Request& request) {
    const auto order = Order::parse(request, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const auto body = parse_body(request);
    if (!body) co_return http::to_response(body.error());
    const auto terms = parse_webhook(*body, WebhookCall::change, destinations_);
    if (!terms) co_return http::to_response(terms.error());
    co_return change_response(
        co_await database_.run(
            request.trace,
            [&](db::Connection& connection) { return change_webhook(connection, order->id, *terms, order->author); }),
        200, nullptr);
}

WebhookEndpoints::Answer WebhookEndpoints::remove(http::Request& request) {
    const auto order = Order::parse(request, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const auto removed = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return remove_webhook(connection, order->id, order->author);
    });
    co_return change_response(removed, 200, nullptr);
}

WebhookEndpoints::Answer WebhookEndpoints::rotate(http::Request& request) {
    const auto order = Order::parse(request, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const auto overlap = parse_webhook_rotation(request);
    if (!overlap) co_return http::to_response(overlap.error());
    const std::string secret = new_webhook_secret(context_.random);
    const auto changed = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return rotate_webhook(connection, order->id, secret, *overlap, order->author);
    });
    co_return change_response(changed, 200, &secret);
}

WebhookEndpoints::Answer WebhookEndpoints::ping(http::Request& request) {
    const auto order = Order::parse(request, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const Uuid new_id = context_.ids.next();
    const WallTime now = context_.clock.wall_now();
    const auto asked = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return ping_webhook(connection, order->id, new_id, now, order->author);
    });
    co_return asked_response(asked, webhook_not_found);
}

WebhookEndpoints::Answer WebhookEndpoints::deliveries(http::Request& request) {
    constexpr std::string_view filters[] = {"status"};
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    ListQuery query(request, "deliveries/" + id->to_string(), filters);
    const auto status = query.choice("status", kDeliveryStatuses);
    if (auto wrong = query.problem()) co_return http::to_response(*wrong);
    auto page =
        co_await database_.run(request.trace, [&](db::Connection& connection) -> Result<std::optional<std::string>> {
            const Uuid before = query.after_id().value_or(greatest_id());
            const std::int64_t rows = query.limit() + 1;
            const int tenant = request.tenant;
            const db::Call call = status ? db::Call(sql::WebhooksDeliveriesInStatus{*id, before, rows, *status, tenant})
                                         : db::Call(sql::WebhooksDeliveries{*id, before, rows, tenant});
            LEDGERLINE_TRY(const auto results, connection.pipeline({sql::WebhooksById{*id, tenant}, call}));
            if (results[0].empty()) return std::nullopt;
            return page_text("deliveries", db::TypedRows<DeliveryRecord>(results[1]), query,
                             [](const DeliveryRecord& each) { return each.id; });
        });
    if (!page) co_return http::to_response(problem_of(page.error()));
    if (!*page) co_return webhook_not_found();
    co_return co_await text_response(request, **std::move(page));
}

WebhookEndpoints::Answer WebhookEndpoints::delivery(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const auto id = path_id(request);
    if (!id) co_return http::to_response(id.error());
    const auto delivery_id = path_delivery(request);
    if (!delivery_id) co_return http::to_response(delivery_id.error());
    const auto found = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return connection.query(sql::WebhooksDelivery{*id, *delivery_id, request.tenant});
    });
    if (!found) co_return http::to_response(problem_of(found.error()));
    if (found->empty()) co_return delivery_not_found();
    co_return record_response(200, found->front());
}

WebhookEndpoints::Answer WebhookEndpoints::send_again(http::Request& request) {
    const auto order = Order::parse(request, context_.ids);
    if (!order) co_return http::to_response(order.error());
    const auto delivery_id = path_delivery(request);
    if (!delivery_id) co_return http::to_response(delivery_id.error());
    const Uuid new_id = context_.ids.next();
    const auto asked = co_await database_.run(request.trace, [&](db::Connection& connection) {
        return send_delivery_again(connection, order->id, *delivery_id, new_id, order->author);
    });
    co_return asked_response(asked, delivery_not_found);
}

}  // namespace ledgerline::api
