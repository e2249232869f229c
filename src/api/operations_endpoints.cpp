#include "api/operations_endpoints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "api/openapi.h"
#include "api/responses.h"
#include "sql/queries.h"

namespace ledgerline {

void OperationsEndpoints::add_routes(http::Router& router) {
    using http::Request;
    using Call = Answer (OperationsEndpoints::*)(const Request&);
    const auto add = [&](const char* pattern, const char* name, Call call, bool needs_key) {
        router.add({.method = "GET",
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](const Request& request) { return (this->*call)(request); },
                    .needs_key = needs_key});
    };
    add("/v1/lanes", "list_lanes", &OperationsEndpoints::lanes, true);
    add("/health", "health", &OperationsEndpoints::health, false);
    add("/livez", "livez", &OperationsEndpoints::live, false);
    add("/readyz", "readyz", &OperationsEndpoints::ready, false);
    add("/metrics", "metrics", &OperationsEndpoints::metrics_text, false);
    add("/openapi.json", "openapi", &OperationsEndpoints::openapi, false);
}

OperationsEndpoints::Answer OperationsEndpoints::lanes(const http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    auto lanes = co_await database_.run([](pg::Connection& connection) -> Result<std::vector<LaneRecord>> {
        LEDGERLINE_TRY(auto rows, connection.query(sql::api_lanes));
        return read_all(rows, read_lane);
    });
    if (!lanes) co_return http::to_response(problem_of(lanes.error()));
    std::string body = R"({"lanes":[)";
    for (std::size_t i = 0; i < lanes->size(); ++i) {
        if (i > 0) body.push_back(',');
        append_json((*lanes)[i], body);
    }
    body += "]}";
    co_return json_response(200, std::move(body));
}

// Tells who is there, whatever the state of the database: for load balancers and people.
OperationsEndpoints::Answer OperationsEndpoints::health(const http::Request&) {
    std::string body;
    JsonObject(body).add("status", "ok").add("version", version_).close();
    co_return json_response(200, std::move(body));
}

OperationsEndpoints::Answer OperationsEndpoints::live(const http::Request&) {
    std::string body;
    JsonObject(body).add("status", "alive").close();
    co_return json_response(200, std::move(body));
}

OperationsEndpoints::Answer OperationsEndpoints::ready(const http::Request&) {
    const auto ping =
        co_await database_.run([](pg::Connection& connection) { return connection.query(sql::api_ping); });
    std::vector<std::string> missing;
    if (leaving_) missing.push_back("server");
    if (!ping || !intake_.database_reachable()) missing.push_back("database");
    for (const Dependency& dependency : dependencies_)
        if (!dependency.check()) missing.push_back(dependency.name);
    if (!missing.empty()) {
        auto not_ready = problem(ProblemCode::not_ready, fmt::format("Missing: {}.", fmt::join(missing, ", ")));
        json::Array names(missing.begin(), missing.end());
        not_ready.extensions.emplace_back("missing", std::move(names));
        co_return http::to_response(not_ready);
    }
    std::string body;
    JsonObject(body).add("status", "ready").close();
    co_return json_response(200, std::move(body));
}

OperationsEndpoints::Answer OperationsEndpoints::metrics_text(const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.to_text();
    co_return response;
}

OperationsEndpoints::Answer OperationsEndpoints::openapi(const http::Request&) {
    co_return json_response(200, std::string(openapi_document));
}

}  // namespace ledgerline
