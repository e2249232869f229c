#include "http/router.h"

#include <algorithm>
#include <optional>

#include "base/result.h"

namespace ledgerline::http {
namespace {

using Segments = std::vector<std::string>;

Segments split(std::string_view path) {
    Segments segments;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto end = std::min(path.find('/'), path.size());
        segments.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

bool matches(const Segments& pattern, const Segments& path) {
    return std::ranges::equal(pattern, path, [](const std::string& expected, const std::string& actual) {
        return is_parameter(expected) ? !actual.empty() : expected == actual;
    });
}

// Whether two patterns match the same paths.
bool same_shape(const Segments& a, const Segments& b) {
    return std::ranges::equal(a, b, [](const std::string& one, const std::string& other) {
        return is_parameter(one) ? is_parameter(other) : one == other;
    });
}

// Whether a has a literal at the first segment where exactly one of the two has a parameter.
bool more_literal(const Segments& a, const Segments& b) {
    return std::ranges::lexicographical_compare(a, b, {}, is_parameter, is_parameter);
}

Response not_found() {
    return to_response(edge_problem(404, edge_code::route_not_found, "There is no call at this path."));
}

Response not_allowed(const std::vector<std::string>& methods) {
    std::string allow;
    for (const std::string& method : methods) {
        if (!allow.empty()) allow += ", ";
        allow += method == "GET" ? "GET, HEAD" : method;
    }
    Response response =
        to_response(edge_problem(405, edge_code::method_not_allowed, "The method must be one of: " + allow + "."));
    response.headers.emplace_back("Allow", allow);
    return response;
}

}  // namespace

void Router::add(Route route) {
    LEDGERLINE_ASSERT(route.pattern.starts_with('/') && route.handler != nullptr && route.scope != Scope::undeclared);
    Segments segments = split(route.pattern);
    for (std::size_t i = 0; i < routes_.size(); ++i)
        LEDGERLINE_ASSERT(routes_[i].method != route.method || !same_shape(segments_[i], segments));
    routes_.push_back(std::move(route));
    segments_.push_back(std::move(segments));
}

std::variant<Router::Match, Response> Router::match(std::string_view method, std::string_view path) const {
    if (!path.starts_with('/')) return not_found();
    const Segments segments = split(path);
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < routes_.size(); ++i)
        if (matches(segments_[i], segments) && (!best || more_literal(segments_[i], segments_[*best]))) best = i;
    if (!best) return not_found();

    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    std::vector<std::string> methods;
    for (std::size_t i = 0; i < routes_.size(); ++i) {
        if (!same_shape(segments_[i], segments_[*best])) continue;
        methods.push_back(routes_[i].method);
        if (routes_[i].method != wanted) continue;
        Match match{&routes_[i], {}};
        for (std::size_t at = 0; at < segments.size(); ++at) {
            const std::string& name = segments_[i][at];
            if (is_parameter(name)) match.path_params.emplace_back(name.substr(1, name.size() - 2), segments[at]);
        }
        return match;
    }
    return not_allowed(methods);
}

}  // namespace ledgerline::http
