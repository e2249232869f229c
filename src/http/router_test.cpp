#include "http/router.h"

#include <gtest/gtest.h>

namespace ledgerline::http {
namespace {

boost::asio::awaitable<Response> nothing(const Request&) { co_return Response(); }

Router router_of(std::initializer_list<std::pair<const char*, const char*>> calls) {
    Router router;
    for (const auto& [method, pattern] : calls)
        router.add({method, pattern, std::string(method) + " " + pattern, nothing, 0, Scope::open});
    return router;
}

// The route's name with its parameters, or the status and Allow of the refusal.
std::string outcome(const Router& router, std::string_view method, std::string_view path) {
    const auto matched = router.match(method, path);
    if (const auto* response = std::get_if<Response>(&matched)) {
        std::string text = std::to_string(response->status);
        for (const auto& [name, value] : response->headers) text += " " + value;
        return text;
    }
    const auto& match = std::get<Router::Match>(matched);
    std::string text = match.route->name;
    for (const auto& [name, value] : match.path_params) text += " " + name + "=" + value;
    return text;
}

TEST(Router, FindsRoutesAndTheirParameters) {
    const Router router = router_of({{"GET", "/"}, {"GET", "/a/{id}"}, {"POST", "/a/{id}/b/{other}"}});
    EXPECT_EQ(outcome(router, "GET", "/"), "GET /");
    EXPECT_EQ(outcome(router, "GET", "/a/1"), "GET /a/{id} id=1");
    EXPECT_EQ(outcome(router, "HEAD", "/a/{id}"), "GET /a/{id} id={id}");
    EXPECT_EQ(outcome(router, "POST", "/a/1/b/2"), "POST /a/{id}/b/{other} id=1 other=2");
    for (const char* path : {"", "a", "/a", "/a/", "/a/1/", "//a/1", "/a//b/2", "/a/1/b/2/", "*"})
        EXPECT_EQ(outcome(router, "GET", path), "404") << path;
}

TEST(Router, LiteralsWinOverParameters) {
    const Router router = router_of({{"GET", "/a/{id}"}, {"POST", "/a/batch"}, {"GET", "/{x}/batch"}});
    EXPECT_EQ(outcome(router, "POST", "/a/batch"), "POST /a/batch");
    EXPECT_EQ(outcome(router, "GET", "/a/other"), "GET /a/{id} id=other");
    EXPECT_EQ(outcome(router, "GET", "/b/batch"), "GET /{x}/batch x=b");
    EXPECT_EQ(outcome(router, "GET", "/a/batch"), "405 POST");
}

TEST(Router, OtherMethodsAreToldWhatIsAllowed) {
    const Router router = router_of({{"GET", "/a/{id}"}, {"PATCH", "/a/{name}"}, {"POST", "/b"}});
    EXPECT_EQ(outcome(router, "PATCH", "/a/1"), "PATCH /a/{name} name=1");
    EXPECT_EQ(outcome(router, "DELETE", "/a/1"), "405 GET, HEAD, PATCH");
    EXPECT_EQ(outcome(router, "HEAD", "/b"), "405 POST");
    EXPECT_EQ(outcome(router, "get", "/a/1"), "405 GET, HEAD, PATCH");
}

TEST(RouterDeathTest, ACallIsAddedOnce) {
    Router router = router_of({{"GET", "/a/{id}"}});
    EXPECT_DEATH(router.add({"GET", "/a/{name}", "again", nothing, 0, Scope::open}), "bug in ledgerline");
}

}  // namespace
}  // namespace ledgerline::http
