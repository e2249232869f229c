// How the edge handles well-formed requests: over real sockets.
#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

using Exchanges = EdgeTest;

std::string member(const RawResponse& response, std::string_view name) {
    const auto value = json::parse(response.body);
    const json::Value* found = value ? value->find(name) : nullptr;
    return found && found->if_string() ? *found->if_string() : "";
}

std::string list(const RawResponse& response, std::string_view name) {
    const auto value = json::parse(response.body);
    const json::Value* found = value ? value->find(name) : nullptr;
    return found ? json::serialize(*found) : "";
}

TEST_F(Exchanges, HandlersSeeTheDecodedTarget) {
    start();
    const auto response = answer_to(get("/echo/a%20b%C3%A4+?x=1&x=a+b%2Bc&&empty=&bare"));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(member(*response, "path"), "/echo/a b\xc3\xa4+");
    EXPECT_EQ(list(*response, "params"), "[\"word=a b\xc3\xa4+\"]");
    EXPECT_EQ(list(*response, "query"), R"(["x=1","x=a b+c","empty=","bare="])");
}

TEST_F(Exchanges, BadEscapesAreRefusedAndTheConnectionIsKept) {
    start();
    RawConnection connection = connect();
    for (const char* target :
         {"/echo/%", "/echo/%2", "/echo/%zz", "/echo/%2Fa", "/echo/a%2fb", "/echo/%00", "/echo/a%0a", "/echo/%ff",
          "/echo/%C0%80", "/echo/%ED%A0%80", "/echo/%F5%80%80%80", "/echo/a?b=%", "/echo/a?b=%00", "/echo/a?%80=1"}) {
        connection.send(get(target));
        const auto response = connection.receive();
        ASSERT_TRUE(response) << target;
        EXPECT_EQ(response->status, 400) << target;
        EXPECT_EQ(response->code(), edge_code::invalid_target) << target;
    }
}

TEST_F(Exchanges, RequestIdsAreTheClientsWhereTheyAreHarmless) {
    start();
    const std::string longest(128, 'x');
    for (const std::string& id : {std::string("abc-1"), std::string("~!@"), longest}) {
        const auto response = answer_to(get("/echo/a", "X-Request-Id: " + id + "\r\n"));
        ASSERT_TRUE(response);
        EXPECT_EQ(response->header("x-request-id"), id);
        EXPECT_EQ(member(*response, "request_id"), id);
    }
    for (const std::string& id : {std::string(""), std::string("a b"), longest + "x", std::string("\xc3\xa4")}) {
        const auto response = answer_to(get("/echo/a", "X-Request-Id: " + id + "\r\n"));
        ASSERT_TRUE(response);
        const auto ours = Uuid::parse(response->header("x-request-id"));
        ASSERT_TRUE(ours) << id;
        EXPECT_EQ(ours->bytes[6] >> 4, 7);
    }
}

TEST_F(Exchanges, RefusalsCarryTheClientsRequestId) {
    start();
    const std::string id = "X-Request-Id: mine\r\n";
    for (const std::string& bytes :
         {get("/nowhere", id), get("/echo/a", id + "Host: b\r\n"), get("/echo/%00", id), get("/throw", id),
          "GET nowhere HTTP/1.1\r\nHost: a\r\n" + id + "\r\n", "GET / HTTP/3.0\r\nHost: a\r\n" + id + "\r\n"}) {
        const auto response = answer_to(bytes);
        ASSERT_TRUE(response);
        EXPECT_GE(response->status, 400);
        EXPECT_EQ(response->header("x-request-id"), "mine") << bytes;
    }
}

TEST_F(Exchanges, TheTraceGoesOnOrBegins) {
    start();
    const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
    const auto continued = answer_to(get("/echo/a", "traceparent: 00-" + trace_id + "-b7ad6b7169203331-01\r\n"));
    ASSERT_TRUE(continued);
    EXPECT_EQ(member(*continued, "trace_id"), trace_id);
    const auto begun =
        answer_to(get("/echo/a", "traceparent: 00-" + std::string(32, '0') + "-b7ad6b7169203331-01\r\n"));
    ASSERT_TRUE(begun);
    EXPECT_EQ(member(*begun, "trace_id").size(), 32u);
    EXPECT_NE(member(*begun, "trace_id"), std::string(32, '0'));
}

TEST_F(Exchanges, EveryAnswerHasDateTypeAndLength) {
    start();
    const auto response = answer_to(get("/echo/a"));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->header("content-type"), "application/json");
    EXPECT_EQ(response->header("content-length"), std::to_string(response->body.size()));
    EXPECT_TRUE(response->header("date").ends_with(" GMT"));
}

TEST_F(Exchanges, HeadIsGetWithoutTheBody) {
    start();
    RawConnection connection = connect();
    connection.send("HEAD /echo/a HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = connection.receive(true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_GT(std::stoi(head->header("content-length")), 0);
    // The next answer must begin where the first one's head ended.
    connection.send("HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" + get("/echo/b"));
    EXPECT_EQ(connection.receive(true)->status, 404);
    EXPECT_EQ(member(*connection.receive(), "path"), "/echo/b");
}

TEST_F(Exchanges, UnknownPathsAndMethodsAreTold) {
    start();
    RawConnection connection = connect();
    for (const char* target : {"/", "/nowhere", "/echo", "/echo/", "/echo/a/b", "/things/", "//things", "/Things"}) {
        connection.send(get(target));
        const auto response = connection.receive();
        ASSERT_TRUE(response) << target;
        EXPECT_EQ(response->status, 404) << target;
        EXPECT_EQ(response->code(), edge_code::route_not_found);
    }
    for (const char* line : {"DELETE /wait", "OPTIONS /wait", "get /wait", "BREW /wait"}) {
        connection.send(std::string(line) + " HTTP/1.1\r\nHost: a\r\n\r\n");
        const auto response = connection.receive();
        ASSERT_TRUE(response) << line;
        EXPECT_EQ(response->status, 405) << line;
        EXPECT_EQ(response->code(), edge_code::method_not_allowed);
        EXPECT_EQ(response->header("allow"), "GET, HEAD, POST");
    }
    connection.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(connection.receive()->status, 404);
}

TEST_F(Exchanges, ConnectionsAreKeptAsTheVersionAndTheClientSay) {
    start();
    RawConnection kept = connect();
    for (int i = 0; i < 3; ++i) {
        kept.send(get("/echo/a"));
        const auto response = kept.receive();
        ASSERT_TRUE(response);
        EXPECT_EQ(response->header("connection"), "keep-alive");
        EXPECT_EQ(response->header("keep-alive"), "timeout=75");
    }
    kept.send(get("/echo/a", "Connection: Upgrade,, CLOSE\r\n") + get("/echo/b"));
    const auto last = kept.receive();
    EXPECT_EQ(last->header("connection"), "close");
    EXPECT_EQ(last->header("keep-alive"), "");
    kept.shutdown_send();
    EXPECT_TRUE(kept.closed());

    RawConnection old = connect();
    old.send("GET /echo/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(old.receive()->header("connection"), "keep-alive");
    old.send("GET /echo/a HTTP/1.0\r\n\r\n");
    EXPECT_EQ(old.receive()->header("connection"), "close");
    old.shutdown_send();
    EXPECT_TRUE(old.closed());
}

TEST_F(Exchanges, AbsoluteTargetsAndOneEmptyLineAreAccepted) {
    start();
    const auto absolute = answer_to("GET HTTP://A:80/echo/a?b=c HTTP/1.1\r\nHost: a:80\r\n\r\n");
    ASSERT_TRUE(absolute);
    EXPECT_EQ(member(*absolute, "path"), "/echo/a");
    EXPECT_EQ(list(*absolute, "query"), R"(["b=c"])");
    EXPECT_EQ(answer_to("GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n")->status, 404);
    EXPECT_EQ(answer_to("\r\n" + get("/echo/a"))->status, 200);
    for (const char* host : {"localhost", "127.0.0.1:8080", "[::1]", "[::1]:80", "a-b.example.", "a:"})
        EXPECT_EQ(answer_to("GET /echo/a HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n")->status, 200) << host;
}

// RFC 9112, section 3.2.2: the target's host takes precedence.
TEST_F(Exchanges, AnAbsoluteTargetHasItsOwnHost) {
    router.add({"GET", "/host", "host",
                [](const Request& request) -> boost::asio::awaitable<Response> {
                    Response response;
                    response.body = json::serialize(json::Value(*request.header("host")));
                    co_return response;
                },
                0, Scope::open});
    start();
    RawConnection connection = connect();
    for (const char* host : {"a", "b:81", "", "B"}) {
        connection.send("GET http://b/host HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
        const auto response = connection.receive();
        ASSERT_TRUE(response) << host;
        EXPECT_EQ(response->status, 200) << host;
        EXPECT_EQ(response->body, "\"b\"") << host;
    }
    connection.send("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(connection.receive()->status, 404);  // as "OPTIONS *"
}

TEST_F(Exchanges, AnEmptyHostIsAccepted) {
    start();
    EXPECT_EQ(answer_to("GET /echo/a HTTP/1.1\r\nHost:\r\n\r\n")->status, 200);
    EXPECT_EQ(answer_to("GET /echo/a HTTP/1.1\r\nHost: \t\r\n\r\n")->status, 200);
}

TEST_F(Exchanges, PipelinedRequestsAreAnsweredInOrder) {
    start();
    constexpr int count = 500;
    std::string bytes;
    for (int i = 0; i < count; ++i)
        bytes += i % 2 == 0 ? post("/things", std::to_string(i))
                            : post_chunked("/things", "3\r\n" + std::to_string(100 + i % 900) + "\r\n0\r\n\r\n");
    RawConnection connection = connect();
    ASSERT_TRUE(connection.send(bytes));
    for (int i = 0; i < count; ++i) {
        const auto response = connection.receive();
        ASSERT_TRUE(response) << i;
        EXPECT_EQ(member(*response, "body"), std::to_string(i % 2 == 0 ? i : 100 + i % 900));
    }
}

TEST_F(Exchanges, ARequestMayArriveByteByByte) {
    start();
    RawConnection connection = connect();
    connection.send_byte_by_byte(post("/things", "[1]", "X-Padding: \t x \r\n") + get("/echo/a") +
                                 post_chunked("/things", "2;a=b\r\n[2\r\n01\r\n]\r\n000\r\nX-Trailer: a\r\n\r\n"));
    EXPECT_EQ(member(*connection.receive(), "body"), "[1]");
    EXPECT_EQ(member(*connection.receive(), "path"), "/echo/a");
    EXPECT_EQ(member(*connection.receive(), "body"), "[2]");
}

TEST_F(Exchanges, AHalfClosedClientStillGetsItsAnswer) {
    start();
    RawConnection connection = connect();
    connection.send(get("/echo/a"));
    connection.shutdown_send();
    EXPECT_EQ(connection.receive()->status, 200);
    EXPECT_TRUE(connection.closed());
}

TEST_F(Exchanges, ALargeBodyArrivesWhole) {
    start();
    RawConnection connection = connect();
    const std::string body(kThingBytesMax, '1');
    connection.send(post("/things", body));
    EXPECT_EQ(member(*connection.receive(), "body"), body);
}

TEST_F(Exchanges, HandlersThatThrowAnswer500WithoutDetails) {
    start();
    RawConnection connection = connect();
    for (const char* target : {"/throw", "/forge"}) {
        connection.send(get(target));
        const auto response = connection.receive();
        ASSERT_TRUE(response);
        EXPECT_EQ(response->status, 500);
        EXPECT_EQ(response->code(), edge_code::internal_error);
        EXPECT_FALSE(response->body.contains("secret"));
        EXPECT_EQ(response->header("set-cookie"), "");
    }
    connection.send(get("/echo/a"));
    EXPECT_EQ(connection.receive()->status, 200);
}

TEST_F(Exchanges, KeysOpenTheCallsThatAskForOne) {
    config.api_keys = {"first-key", "second-key"};
    start();
    RawConnection connection = connect();
    const auto status = [&](std::string_view target, std::string_view headers) {
        connection.send(get(target, headers));
        return connection.receive()->status;
    };
    EXPECT_EQ(status("/open", ""), 200);
    EXPECT_EQ(status("/nowhere", ""), 404);
    EXPECT_EQ(status("/echo/a", "X-API-Key: first-key\r\n"), 200);
    EXPECT_EQ(status("/echo/a", "Authorization: bEARER second-key\r\n"), 200);
    EXPECT_EQ(status("/echo/a", "X-API-Key: third-key\r\n"), 403);
    EXPECT_EQ(status("/echo/a", "Authorization: Bearer first-key2\r\n"), 403);
    EXPECT_EQ(status("/echo/a", "Authorization: Basic Zmlyc3Q=\r\n"), 401);

    connection.send(get("/echo/a"));
    const auto missing = connection.receive();
    EXPECT_EQ(missing->status, 401);
    EXPECT_EQ(missing->code(), edge_code::unauthorized);
    EXPECT_EQ(missing->header("www-authenticate"), "Bearer");
}

TEST_F(Exchanges, WithoutKeysCredentialsAreNotLookedAt) {
    start();
    EXPECT_EQ(answer_to(get("/echo/a", "X-API-Key: any\r\nAuthorization: Basic x\r\n"))->status, 200);
}

TEST_F(Exchanges, MetricLabelsAreBounded) {
    start();
    RawConnection connection = connect();
    for (const std::string& bytes :
         {get("/echo/a"), get("/nowhere/17"), std::string("BREW /things HTTP/1.1\r\nHost: a\r\n\r\n"), get("/throw")}) {
        connection.send(bytes);
        ASSERT_TRUE(connection.receive());
    }
    answer_to(get("/echo/a", "Host: b\r\n"));
    const std::string text = metrics.to_text();
    const auto has = [&](std::string_view line) { return text.contains(line); };
    EXPECT_TRUE(has(R"(http_requests_total{method="GET",route="echo",status="200"} 1)")) << text;
    EXPECT_TRUE(has(R"(http_requests_total{method="GET",route="none",status="404"} 1)"));
    EXPECT_TRUE(has(R"(http_requests_total{method="GET",route="none",status="400"} 1)"));
    EXPECT_TRUE(has(R"(http_requests_total{method="other",route="none",status="405"} 1)"));
    EXPECT_TRUE(has(R"(http_requests_total{method="GET",route="throw",status="500"} 1)"));
    EXPECT_TRUE(has(R"(http_rejected_total{reason="malformed_request"} 1)"));
    EXPECT_TRUE(has(R"(http_request_duration_seconds_count{method="GET",route="echo"} 1)"));
    EXPECT_FALSE(has("BREW"));
    EXPECT_FALSE(has("17\""));
}

}  // namespace
}  // namespace ledgerline::http
