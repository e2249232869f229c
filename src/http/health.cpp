#include "http/health.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/json.h"
#include "http/problem.h"

namespace ledgerline::http {
namespace {

constexpr int kRetryAfterSeconds = 2;
constexpr int kServiceUnavailable = 503;

Response object_response(json::Object object) {
    Response response;
    response.body = json::serialize(json::Value(std::move(object)));
    return response;
}

json::Array names_of(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

}  // namespace

Dependency dependency(std::string name, std::function<bool()> check, bool required) {
    return {std::move(name), [check = std::move(check)]() -> boost::asio::awaitable<bool> { co_return check(); },
            required};
}

void HealthEndpoints::add_routes(Router& router) {
    using Call = Answer (HealthEndpoints::*)(const Request&);
    const auto add = [&](const char* pattern, const char* name, Call call) {
        router.add({.method = "GET",
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](const Request& request) { return (this->*call)(request); },
                    .needs_key = false});
    };
    add("/health", "health", &HealthEndpoints::health);
    add("/livez", "livez", &HealthEndpoints::live);
    add("/readyz", "readyz", &HealthEndpoints::ready);
    add("/metrics", "metrics", &HealthEndpoints::metrics_text);
}

// Tells who is there, whatever the state of the dependencies: for load balancers and people.
HealthEndpoints::Answer HealthEndpoints::health(const Request&) {
    co_return object_response({{"status", "ok"}, {"version", config_.version}});
}

HealthEndpoints::Answer HealthEndpoints::live(const Request&) {
    if (!config_.alive || config_.alive()) co_return object_response({{"status", "alive"}});
    Problem not_alive = edge_problem(kServiceUnavailable, edge_code::not_alive, "A loop of this process hangs.");
    not_alive.retry_after_seconds = kRetryAfterSeconds;
    co_return to_response(not_alive);
}

HealthEndpoints::Answer HealthEndpoints::ready(const Request&) {
    std::vector<std::string> missing, degraded;
    if (leaving_) missing.push_back("server");
    for (const Dependency& dependency : config_.dependencies)
        if (!co_await dependency.check()) (dependency.required ? missing : degraded).push_back(dependency.name);
    if (!missing.empty()) {
        Problem not_ready = edge_problem(kServiceUnavailable, edge_code::not_ready,
                                         fmt::format("Missing: {}.", fmt::join(missing, ", ")));
        not_ready.retry_after_seconds = kRetryAfterSeconds;
        not_ready.extensions.emplace_back("missing", names_of(missing));
        co_return to_response(not_ready);
    }
    json::Object body{{"status", "ready"}};
    if (!degraded.empty()) body.emplace_back("degraded", names_of(degraded));
    co_return object_response(std::move(body));
}

HealthEndpoints::Answer HealthEndpoints::metrics_text(const Request&) {
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.to_text();
    co_return response;
}

}  // namespace ledgerline::http
