#include "console/endpoints.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "http/field_value.h"
#include "http/problem.h"
#include "http/server/room.h"

namespace ledgerline::console {
namespace {

using http::Request;
using http::Response;
using Session = http::Logins::Session;

// Nothing inline, nothing from other hosts, and no frame around it.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

void add_safety(Response& response) {
    response.headers.emplace_back("Content-Security-Policy", kContentPolicy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
    response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

bool is_known(const Request& request, const Asset& asset) {
    const std::string* known = request.header("if-none-match");
    if (!known) return false;
    return std::ranges::any_of(http::list_elements(*known), [&](std::string_view etag) {
        if (etag.starts_with("W/")) etag.remove_prefix(2);
        return etag == "*" || etag == asset.etag;
    });
}

boost::asio::awaitable<Response> answer(Request& request, const Asset& asset) {
    Response response;
    response.content_type = asset.content_type;
    // A new version is seen at once; a known file is not sent again.
    response.headers = {{"ETag", std::string(asset.etag)}, {"Cache-Control", "no-cache"}};
    add_safety(response);
    if (is_known(request, asset)) {
        response.status = 304;
        co_return response;
    }
    if (!co_await http::take_room(request.answer_memory, asset.text.size())) co_return http::no_room();
    response.body = asset.text;
    co_return response;
}

const Asset* find_asset(std::string_view name) {
    const auto found = std::ranges::find(assets(), name, &Asset::name);
    return found == assets().end() ? nullptr : &*found;
}

// The browser says by Origin how it reached a proxy, the proxy by X-Forwarded-Proto. Either can only make its own
// cookie stricter.
bool came_by_https(const Request& request) {
    const std::string* origin = request.header("origin");
    const std::string* scheme = request.header("x-forwarded-proto");
    return request.is_secure || (origin && origin->starts_with("https://")) ||
           (scheme && equal_ignoring_case(*scheme, "https"));
}

http::Header cookie(const Request& request, std::string_view value, std::chrono::seconds lives) {
    return {"Set-Cookie",
            fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", http::Logins::cookie_name, value,
                        lives.count(), came_by_https(request) ? "; Secure" : "")};
}

json::Array array_of(const std::vector<std::string_view>& names) { return {names.begin(), names.end()}; }

}  // namespace

void ConsoleEndpoints::add_routes(http::Router& router) {
    using Call = Answer (ConsoleEndpoints::*)(Request&);
    const auto add = [&](const char* method, const char* pattern, const char* name, Call call) {
        router.add({.method = method,
                    .pattern = pattern,
                    .name = name,
                    .handler = [this, call](Request& request) { return (this->*call)(request); },
                    .scope = http::Scope::open});
    };
    add("GET", "/console", "console", &ConsoleEndpoints::page);
    add("GET", "/console/", "console_slash", &ConsoleEndpoints::slash);
    add("GET", "/console/{file}", "console_file", &ConsoleEndpoints::file);
    add("GET", "/console/session", "console_session", &ConsoleEndpoints::session);
    add("POST", "/console/session", "console_log_in", &ConsoleEndpoints::log_in);
    add("DELETE", "/console/session", "console_log_out", &ConsoleEndpoints::log_out);
    add("PUT", "/console/session/changes", "console_allow_changes", &ConsoleEndpoints::allow_changes);
    add("DELETE", "/console/session/changes", "console_forbid_changes", &ConsoleEndpoints::forbid_changes);
}

ConsoleEndpoints::Answer ConsoleEndpoints::page(Request& request) { return answer(request, *find_asset("index.html")); }

// The page names its files relative to itself, so that it works below any path of a proxy.
ConsoleEndpoints::Answer ConsoleEndpoints::slash(Request&) {
    Response response;
    response.status = 308;
    response.headers.emplace_back("Location", "../console");
    co_return response;
}

ConsoleEndpoints::Answer ConsoleEndpoints::file(Request& request) {
    const Asset* const asset = find_asset(request.path_param("file"));
    if (asset) co_return co_await answer(request, *asset);
    co_return http::to_response(
        http::edge_problem(404, http::edge_code::route_not_found, "The console has no such file."));
}

ConsoleEndpoints::Answer ConsoleEndpoints::session(Request& request) {
    co_return describe(logins_.needs_key() ? logins_.find(request) : std::nullopt);
}

ConsoleEndpoints::Answer ConsoleEndpoints::log_in(Request& request) {
    if (!logins_.needs_key()) co_return describe(std::nullopt);
    auto begun = logins_.log_in(request);
    if (!begun) co_return std::move(begun).error();
    Response response = describe(*begun);
    response.headers.push_back(cookie(request, begun->cookie, http::Logins::session_max));
    co_return response;
}

ConsoleEndpoints::Answer ConsoleEndpoints::log_out(Request& request) {
    if (auto found = logins_.for_change(request); !found) co_return std::move(found).error();
    Response response = describe(std::nullopt);
    response.headers.push_back(cookie(request, "", std::chrono::seconds(0)));
    co_return response;
}

ConsoleEndpoints::Answer ConsoleEndpoints::allow_changes(Request& request) { co_return renewed(request, true); }
ConsoleEndpoints::Answer ConsoleEndpoints::forbid_changes(Request& request) { co_return renewed(request, false); }

Response ConsoleEndpoints::renewed(const Request& request, bool may_change) const {
    auto found = logins_.for_change(request);
    if (!found) return std::move(found).error();
    const auto session = logins_.renew(*found, may_change);
    Response response = describe(session);
    if (session) response.headers.push_back(cookie(request, session->cookie, logins_.left(*session)));
    return response;
}

// The token is for the page alone: browsers give this answer to no other site.
Response ConsoleEndpoints::describe(const std::optional<Session>& session) const {
    json::Object body{{"version", version_}, {"needs_key", logins_.needs_key()}};
    if (session) {
        body.emplace_back("key_id", session->key_id);
        body.emplace_back("tenant", session->tenant);
        body.emplace_back("expires_at", format_rfc3339(session->expires_at));
        body.emplace_back("may_change", session->may_change);
        body.emplace_back("token", session->token);
        body.emplace_back("scopes", array_of(session->scopes));
    } else if (!logins_.needs_key()) {
        body.emplace_back("tenant", default_tenant_name);
        body.emplace_back("scopes", array_of(http::Scopes::all().names()));
    }
    Response response;
    response.body = json::serialize(json::Value(std::move(body)));
    response.headers.emplace_back("Cache-Control", "no-store");
    add_safety(response);
    return response;
}

}  // namespace ledgerline::console
