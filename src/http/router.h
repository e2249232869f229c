// Router: maps a method and path to the handler that answers it. The OpenAPI document is checked against it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/message.h"
#include "http/problem.h"
#include "http/scope.h"

namespace ledgerline::http {

// Runs on an HTTP thread and must not block. An exception that leaves it becomes a 500. The request outlives the call.
//
// It may wait on Asio objects made with co_await this_coro::executor, which runs one handler at a time; other threads
// resume it by posting to that executor, never by touching the objects. Those objects must not outlive the listener
// either, so code that keeps a handler's object for another thread drops it when the handler continues or is destroyed.
using Handler = std::function<boost::asio::awaitable<Response>(Request&)>;

struct Route {
    std::string method;   // "POST"
    std::string pattern;  // "/v1/transactions/{id}"; a {name} matches exactly one non-empty segment
    std::string name;     // "get_transaction": metrics label and OpenAPI operationId
    Handler handler;
    std::size_t body_bytes_max = 0;   // 0: the call accepts no body
    Scope scope = Scope::undeclared;  // what a key must have; every route says it
    bool is_payment = false;          // of which there are too many to log each one that succeeds
};

class Router {
public:
    // Each pair of method and pattern may be added only once.
    void add(Route route);

    struct Match {
        const Route* route;
        std::vector<std::pair<std::string, std::string>> path_params;
    };
    // The route, or the problem to answer with: 404 "route_not_found", or 405 "method_not_allowed" with Allow. HEAD is
    // answered by the GET route (the session omits the body). Literal segments win over parameters, from left to right,
    // whatever methods the two patterns have.
    std::variant<Match, Response> match(std::string_view method, std::string_view path) const;

    const std::vector<Route>& routes() const { return routes_; }

private:
    std::vector<Route> routes_;
    std::vector<std::vector<std::string>> segments_;  // of the route's pattern at the same index
};

}  // namespace ledgerline::http
