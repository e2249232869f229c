#include "api/operations_endpoints.h"

#include <utility>

#include "api/openapi.h"
#include "api/problem_types.h"
#include "api/responses.h"
#include "base/json_object.h"
#include "base/money.h"
#include "sql/queries.h"

namespace ledgerline::api {

void OperationsEndpoints::add_routes(http::Router& router) {
    using http::Request;
    using Call = Answer (OperationsEndpoints::*)(const Request&);
    const auto add = [&](const char* pattern, const char* name, Call call, http::Scope scope) {
        router.add({.method = "GET",
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](const Request& request) { return (this->*call)(request); },
                    .scope = scope});
    };
    add("/v1/assets", "list_assets", &OperationsEndpoints::assets, http::Scope::any);
    add("/v1/lanes", "list_lanes", &OperationsEndpoints::lanes, http::Scope::lanes_read);
    add("/openapi.json", "openapi", &OperationsEndpoints::openapi, http::Scope::open);
    add("/problems/{code}", "get_problem_type", &OperationsEndpoints::problem_type, http::Scope::open);
}

OperationsEndpoints::Answer OperationsEndpoints::assets(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    std::string body;
    JsonObject page(body);
    page.begin("assets");
    body.push_back('[');
    for (const Asset& asset : ledgerline::assets()) {
        if (body.back() != '[') body.push_back(',');
        const std::optional<std::int64_t> exponent = asset.exponent;
        JsonObject(body).add("code", asset.code).add("exponent", exponent).close();
    }
    body.push_back(']');
    page.add("next_cursor", std::optional<std::string>()).add("has_more", false).close();
    co_return json_response(200, std::move(body));
}

OperationsEndpoints::Answer OperationsEndpoints::lanes(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    auto lanes = co_await database_.run(request.trace,
                                        [](db::Connection& connection) { return connection.query(sql::ApiLanes{}); });
    if (!lanes) co_return http::to_response(problem_of(lanes.error()));
    std::string body = R"({"lanes":[)";
    for (std::size_t i = 0; i < lanes->size(); ++i) {
        if (i > 0) body.push_back(',');
        append_json((*lanes)[i], body);
    }
    body += R"(],"next_cursor":null,"has_more":false})";
    co_return json_response(200, std::move(body));
}

OperationsEndpoints::Answer OperationsEndpoints::openapi(const http::Request&) {
    co_return json_response(200, std::string(openapi_document));
}

OperationsEndpoints::Answer OperationsEndpoints::problem_type(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    std::optional<std::string> type = problem_type_json(request.path_param("code"));
    if (!type)
        co_return http::to_response(
            http::edge_problem(404, http::edge_code::route_not_found, "There is no problem with this code."));
    co_return json_response(200, *std::move(type));
}

}  // namespace ledgerline::api
