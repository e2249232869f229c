#include "http/server/admission.h"

#include <algorithm>

#include "base/text.h"
#include "http/api_key.h"
#include "http/field_value.h"
#include "http/rate_limit.h"
#include "http/target.h"

namespace ledgerline::http {
namespace {

Response unsupported(std::string_view detail, std::string_view field) {
    return to_response(edge_problem(415, edge_code::unsupported_media_type, std::string(detail), field));
}

std::optional<Response> refuse_type(const Request& request) {
    const std::string* type = request.header("content-type");
    const bool single = std::ranges::count(request.headers, "content-type", &Header::first) == 1;
    if (!type || !single || !is_json_type(*type))
        return unsupported("Content-Type must be application/json, in UTF-8.", "Content-Type");
    for (const auto& [name, value] : request.headers)
        if (name == "content-encoding")
            for (const std::string_view coding : list_elements(value))
                if (!equal_ignoring_case(coding, "identity"))
                    return unsupported("The body must not be encoded.", "Content-Encoding");
    return std::nullopt;
}

// A chunked body's size, and whether it has any content, is only known while it is read.
std::optional<Response> refuse_body(const Exchange& exchange) {
    const Framing& framing = exchange.framing;
    if (framing.body == Framing::Body::none) return std::nullopt;
    const std::size_t bytes_max = exchange.route->body_bytes_max;
    if (bytes_max > 0) {
        if (auto refusal = refuse_type(exchange.request)) return refusal;
    } else if (framing.body == Framing::Body::length) {
        return to_response(edge_problem(400, edge_code::unexpected_body, "This call accepts no body."));
    }
    if (framing.content_length <= bytes_max) return std::nullopt;
    return to_response(edge_problem(413, edge_code::body_too_large,
                                    "The body may have at most " + std::to_string(bytes_max) + " bytes."));
}

}  // namespace

bool is_json_type(std::string_view value) {
    const auto type = parse_parameterized(value);
    if (!type || !equal_ignoring_case(type->value, "application/json")) return false;
    return std::ranges::all_of(type->parameters, [](const Parameter& parameter) {
        return parameter.name != "charset" || equal_ignoring_case(parameter.value, "utf-8");
    });
}

std::optional<Response> Admission::refuse(std::string_view target, Exchange& exchange) const {
    Request& request = exchange.request;
    auto parsed = parse_target(target);
    if (!parsed) return to_response(parsed.error());
    request.path = std::move(parsed->path);
    request.query = std::move(parsed->query);

    if (auto answer = browsers_.answer(request)) return answer;
    auto matched = router_.match(request.method, request.path);
    if (auto* refusal = std::get_if<Response>(&matched)) return std::move(*refusal);
    auto& match = std::get<Router::Match>(matched);
    exchange.route = match.route;
    request.path_params = std::move(match.path_params);

    if (match.route->scope != Scope::open)
        if (auto refused = let_in(exchange)) return refused;
    if (exchange.framing.expect == Framing::Expect::unknown)
        return to_response(edge_problem(417, edge_code::expectation_failed, "Expect must be 100-continue.", "Expect"));
    if (auto refused = refuse_body(exchange)) return refused;
    return refuse_size(exchange, exchange.framing.content_length);
}

std::optional<Response> Admission::let_in(Exchange& exchange) const {
    Request& request = exchange.request;
    auto admitted = logins_.admit(request, exchange.route->scope);
    if (!admitted) return std::move(admitted).error();
    request.key = *std::move(admitted);
    const auto tenant = logins_.tenant_of(request);
    if (!tenant) return tenant.error();
    request.tenant = *tenant;
    if (request.key)
        if (const auto full = request.key->use->requests.take(1, request.received_at))
            return rate_limited(key_requests, *full);
    if (const auto use = logins_.use_of(request.tenant))
        if (const auto full = use->requests.take(1, request.received_at)) return rate_limited(tenant_requests, *full);
    return std::nullopt;
}

std::chrono::nanoseconds Admission::refused_again(const Request& request) const {
    if (request.key) return request.key->use->refusals.reserve(request.received_at, refusal_wait_max);
    const auto use = logins_.use_of(request.tenant);
    return use ? use->refusals.reserve(request.received_at, refusal_wait_max) : std::chrono::nanoseconds(0);
}

std::optional<Response> Admission::refuse_size(const Exchange& exchange, std::uint64_t bytes) const {
    if (bytes == 0 || exchange.route->scope == Scope::open) return std::nullopt;
    const auto use = logins_.use_of(exchange.request.tenant);
    if (!use) return std::nullopt;
    const auto kib = static_cast<std::int64_t>((bytes + 1023) / 1024);
    const auto full = use->request_kib.take(kib, exchange.request.received_at);
    return full ? std::optional(rate_limited(tenant_kib, *full)) : std::nullopt;
}

}  // namespace ledgerline::http
