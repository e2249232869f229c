#include "health/endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "http/problem.h"

namespace ledgerline::health {
namespace {

constexpr int kRetryAfterSeconds = 2;
constexpr int kServiceUnavailable = 503;

http::Response object_response(json::Object object) {
    http::Response response;
    response.body = json::serialize(json::Value(std::move(object)));
    return response;
}

json::Array names_of(const Troubles& troubles, bool required) {
    json::Array names;
    for (const Trouble& trouble : troubles)
        if (trouble.required == required) names.emplace_back(trouble.name);
    return names;
}

json::Object reasons_of(const Troubles& troubles) {
    json::Object reasons;
    for (const Trouble& trouble : troubles) reasons.emplace_back(trouble.name, trouble.reason);
    return reasons;
}

std::string missing_text(const Troubles& troubles) {
    std::string text;
    for (const Trouble& trouble : troubles)
        if (trouble.required) text += fmt::format("{}{}", text.empty() ? "Missing: " : ", ", trouble.name);
    return text + ".";
}

}  // namespace

void HealthEndpoints::add_routes(http::Router& router) {
    using Call = Answer (HealthEndpoints::*)(const http::Request&);
    const auto add = [&](const char* pattern, const char* name, Call call) {
        router.add({.method = "GET",
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](const http::Request& request) { return (this->*call)(request); },
                    .scope = http::Scope::open});
    };
    add("/health", "health", &HealthEndpoints::health);
    add("/livez", "livez", &HealthEndpoints::live);
    add("/readyz", "readyz", &HealthEndpoints::ready);
    add("/metrics", "metrics", &HealthEndpoints::metrics_text);
    add("/stats", "stats", &HealthEndpoints::stats);
}

HealthEndpoints::Answer HealthEndpoints::health(const http::Request&) {
    co_return judge("ok", {{"version", config_.version}});
}

HealthEndpoints::Answer HealthEndpoints::live(const http::Request&) {
    if (!config_.alive || config_.alive()) co_return object_response({{"status", "alive"}});
    http::Problem not_alive =
        http::edge_problem(kServiceUnavailable, http::edge_code::not_alive, "A loop of this process is hanging.");
    not_alive.retry_after_seconds = kRetryAfterSeconds;
    co_return http::to_response(not_alive);
}

HealthEndpoints::Answer HealthEndpoints::ready(const http::Request&) { co_return judge("ready", {}); }

Troubles HealthEndpoints::troubles() const {
    Troubles troubles = probe_.troubles();
    if (leaving_) troubles.insert(troubles.begin(), {"server", "this process is shutting down"});
    return troubles;
}

// body: what the answer holds apart from the verdict.
http::Response HealthEndpoints::judge(std::string_view when_well, json::Object body) const {
    if (config_.facts)
        for (auto& fact : config_.facts()) body.push_back(std::move(fact));
    const Troubles troubles = this->troubles();
    if (is_ready(troubles)) {
        body.emplace(body.begin(), "status", troubles.empty() ? when_well : "degraded");
        if (!troubles.empty()) {
            body.emplace_back("degraded", names_of(troubles, false));
            body.emplace_back("reasons", reasons_of(troubles));
        }
        return object_response(std::move(body));
    }
    http::Problem not_ready =
        http::edge_problem(kServiceUnavailable, http::edge_code::not_ready, missing_text(troubles));
    not_ready.retry_after_seconds = kRetryAfterSeconds;
    for (auto& member : body) not_ready.extensions.push_back(std::move(member));
    not_ready.extensions.emplace_back("missing", names_of(troubles, true));
    not_ready.extensions.emplace_back("degraded", names_of(troubles, false));
    not_ready.extensions.emplace_back("reasons", reasons_of(troubles));
    return http::to_response(not_ready);
}

HealthEndpoints::Answer HealthEndpoints::metrics_text(const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_.text();
    co_return response;
}

HealthEndpoints::Answer HealthEndpoints::stats(const http::Request&) {
    http::Response response;
    response.body = stats_.text();
    co_return response;
}

}  // namespace ledgerline::health
