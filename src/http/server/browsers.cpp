#include "http/server/browsers.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/text.h"
#include "http/client.h"
#include "http/problem.h"

namespace ledgerline::http {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr std::string_view kRequestHeaders =
    "Accept, Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-API-Key, X-Operator, X-Request-Id, "
    "X-Tenant, traceparent";
constexpr std::string_view kAnswerHeaders =
    "Idempotent-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";
constexpr std::string_view kPreflightSeconds = "600";

// The host of "host", "host:port" or "[address]:port", without brackets and the dot that ends a full name.
std::string host_of(std::string_view authority) {
    if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
    std::string host = lower(authority.substr(0, authority.find(':')));
    if (host.ends_with('.')) host.pop_back();
    return host;
}

bool is_address(const std::string& host) {
    boost::system::error_code error;
    (void)boost::asio::ip::make_address(host, error);
    return !error;
}

bool is_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_digit(c) || (is_letter(c) && to_lower(c) == c) || c == '-' || c == '.' || c == '_';
    });
}

bool only_reads(const Request& request) {
    return request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
}

}  // namespace

bool Browsers::knows_host(std::string_view authority) const {
    const std::string host = host_of(authority);
    if (host == "localhost" || host.ends_with(".localhost") || is_address(host)) return true;
    return std::ranges::any_of(*hosts_, [&](const std::string& known) {
        return known.starts_with("*.") ? host.ends_with(std::string_view(known).substr(1)) : host == known;
    });
}

const std::string* Browsers::allowed_origin(const Request& request) const {
    const std::string* origin = origins_.empty() ? nullptr : request.header("origin");
    return origin && std::ranges::count(origins_, *origin) > 0 ? origin : nullptr;
}

// By Sec-Fetch-Site, which says what the browser knows whatever proxies make of Host; older ones send only Origin.
bool Browsers::may_change(const Request& request) const {
    if (allowed_origin(request)) return true;
    if (const std::string* site = request.header("sec-fetch-site")) return *site == "same-origin" || *site == "none";
    const std::string* origin = request.header("origin");
    const std::string* host = request.header("host");
    if (!origin) return true;
    const std::size_t scheme_end = origin->find("://");
    return host && scheme_end != std::string::npos &&
           equal_ignoring_case(std::string_view(*origin).substr(scheme_end + 3), *host);
}

std::optional<Response> Browsers::answer(const Request& request) const {
    const std::string* host = request.header("host");
    if (hosts_ && host && !knows_host(*host))
        return to_response(edge_problem(421, edge_code::host_not_allowed,
                                        "Host must be an address, localhost or a name that --allowed-hosts names.",
                                        "Host"));
    if (!only_reads(request) && !may_change(request))
        return to_response(edge_problem(403, edge_code::origin_not_allowed,
                                        "A page of another site must not change anything here: its origin is not one "
                                        "that --cors-origins names.",
                                        "Origin"));
    if (request.method != "OPTIONS" || !request.header("access-control-request-method") || !allowed_origin(request))
        return std::nullopt;
    Response preflight;
    preflight.status = 204;
    preflight.headers = {{"Access-Control-Allow-Methods", std::string(kMethods)},
                         {"Access-Control-Allow-Headers", std::string(kRequestHeaders)},
                         {"Access-Control-Max-Age", std::string(kPreflightSeconds)}};
    return preflight;
}

void Browsers::open(const Request& request, Response& response) const {
    if (origins_.empty()) return;
    response.headers.emplace_back("Vary", "Origin");
    const std::string* origin = allowed_origin(request);
    if (!origin) return;
    response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
    response.headers.emplace_back("Access-Control-Expose-Headers", std::string(kAnswerHeaders));
}

std::string Browsers::broken_host_rule(std::string_view text) {
    const std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
    return is_name(name) ? "" : "names without a port, in lower case, such as ledger.example,*.internal.example";
}

std::string Browsers::broken_origin_rule(std::string_view text) {
    constexpr const char* rule = "origins as browsers write them, such as https://desk.example,http://localhost:3000";
    const auto base = BaseUrl::parse(text);
    return base && base->prefix.empty() && base->to_string() == text && lower(text) == text ? "" : rule;
}

}  // namespace ledgerline::http
