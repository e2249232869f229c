// The limits of the listener: time, connections and bytes, over real sockets.
#include "http/edge_fixture.h"

namespace ledgerline::http {
namespace {

using Limits = EdgeTest;

constexpr milliseconds kShort{50};

void expect_timed_out(RawConnection& connection) {
    const auto response = connection.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 408);
    EXPECT_EQ(response->code(), edge_code::request_timeout);
    EXPECT_EQ(response->header("connection"), "close");
    connection.shutdown_send();
    EXPECT_TRUE(connection.closed());
}

TEST_F(Limits, AHeadThatDoesNotEndIsGivenUp) {
    config.request_timeout = kShort;
    start();
    RawConnection connection = connect();
    connection.send("GET /echo/a HTTP/1.1\r\nHost");
    expect_timed_out(connection);
}

TEST_F(Limits, ABodyThatDoesNotEndIsGivenUp) {
    config.request_timeout = kShort;
    start();
    for (const std::string& bytes :
         {post("/things", "[1]"), post_chunked("/things", "3\r\n[1]\r\n0\r\n\r\n"), post("/nowhere", "[1]")}) {
        RawConnection connection = connect();
        connection.send(bytes.substr(0, bytes.size() - 1));
        expect_timed_out(connection);
    }
}

TEST_F(Limits, AClientThatAlwaysSendsALittleIsGivenUpToo) {
    config.request_timeout = kShort;
    start();
    RawConnection connection = connect();
    connection.send("GET /echo/a HTTP/1.1\r\nHost: a\r\n");
    // Ends when the server has answered and closed; 16 KiB in all would be a refusal of another kind.
    for (int i = 0; i < 3000 && connection.send("X:1\r\n"); ++i) std::this_thread::yield();
    const auto response = connection.receive();
    ASSERT_TRUE(response);
    EXPECT_TRUE(response->status == 408 || response->status == 431);
}

TEST_F(Limits, ADeadlineEndsWithItsRequest) {
    config.request_timeout = kShort;
    start();
    RawConnection kept = connect();
    kept.send(get("/echo/a"));
    EXPECT_EQ(kept.receive()->status, 200);
    // Another connection that times out tells that the first one's deadline has passed, too.
    RawConnection other = connect();
    other.send("GET");
    expect_timed_out(other);
    kept.send(get("/echo/a"));
    const auto response = kept.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    kept.send("GET");
    expect_timed_out(kept);
}

TEST_F(Limits, TheHandlerMayTakeLongerThanTheRequest) {
    config.request_timeout = kShort;
    start();
    RawConnection waiting = connect();
    waiting.send(get("/wait"));
    ASSERT_TRUE(gate.wait_for_waiting(1));
    // Another connection that times out tells that the time has passed.
    RawConnection other = connect();
    other.send("GET");
    expect_timed_out(other);
    gate.open();
    EXPECT_EQ(waiting.receive()->status, 200);
}

TEST_F(Limits, IdleConnectionsAreClosedWithoutAWord) {
    config.idle_timeout = milliseconds(500);  // long enough for a busy machine to send the request below
    start();
    RawConnection silent = connect();
    EXPECT_TRUE(silent.closed());
    RawConnection used = connect();
    used.send(get("/echo/a"));
    EXPECT_EQ(used.receive()->status, 200);
    EXPECT_TRUE(used.closed());
}

TEST_F(Limits, AClientThatDoesNotReadIsGivenUp) {
    config.write_timeout = kShort;
    start();
    RawConnection connection = connect();
    connection.send(get("/large"));
    // 64 MiB do not fit the sockets' buffers, and the next request is not begun before they are written.
    connection.send(get("/echo/a"));
    RawConnection watch = connect();
    watch.send(get("/echo/a"));
    EXPECT_EQ(watch.receive()->status, 200);
    const auto began = std::chrono::steady_clock::now();
    listener->stop(kPatience);
    EXPECT_LT(std::chrono::steady_clock::now() - began, kPatience);
    EXPECT_FALSE(connection.receive());
}

TEST_F(Limits, ConnectionsBeyondTheLimitAreToldToComeBack) {
    config.connections_max = 2;
    start();
    RawConnection first = connect(), second = connect();
    for (RawConnection* connection : {&first, &second}) {
        connection->send(get("/echo/a"));
        EXPECT_EQ(connection->receive()->status, 200);
    }
    RawConnection third = connect();
    third.send(get("/echo/a"));
    const auto response = third.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 503);
    EXPECT_EQ(response->code(), edge_code::too_many_connections);
    EXPECT_NE(response->header("retry-after"), "");
    EXPECT_TRUE(Uuid::parse(response->header("x-request-id")));
    third.shutdown_send();
    EXPECT_TRUE(third.closed());
    EXPECT_TRUE(metrics.to_text().contains(R"(http_rejected_total{reason="too_many_connections"} 1)"));

    first.send(get("/echo/a"));
    EXPECT_EQ(first.receive()->status, 200);
    // The place of a connection that has ended is given to another one.
    second.send(get("/echo/a", "Connection: close\r\n"));
    EXPECT_EQ(second.receive()->status, 200);
    second.shutdown_send();
    EXPECT_TRUE(second.closed());
    std::optional<RawResponse> next;
    for (int i = 0; i < 1000 && (!next || next->status != 200); ++i) next = answer_to(get("/echo/a"));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->status, 200);
}

TEST_F(Limits, BodiesBeyondTheBudgetAreRefused) {
    config.request_bytes_max = 100'000;
    start();
    RawConnection holder = connect();
    holder.send(post("/wait", std::string(60'000, ' ')));
    ASSERT_TRUE(gate.wait_for_waiting(1));

    const auto refused = answer_to(post("/things", std::string(60'000, ' ')));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(refused->code(), edge_code::overloaded);
    EXPECT_NE(refused->header("retry-after"), "");
    EXPECT_EQ(refused->header("connection"), "close");
    EXPECT_EQ(answer_to(post("/things", std::string(30'000, ' ')))->status, 200);

    gate.open();
    EXPECT_EQ(holder.receive()->status, 200);
    EXPECT_EQ(answer_to(post("/things", std::string(60'000, ' ')))->status, 200);
}

TEST_F(Limits, ABodyLeavesTheBudgetBeforeItsAnswerIsSent) {
    config.request_bytes_max = 100'000;
    start();
    RawConnection slow = connect();
    slow.send(post("/large", std::string(60'000, ' ')));
    ASSERT_TRUE(slow.receive(true));  // and the 64 MiB that follow are left unread
    EXPECT_EQ(answer_to(post("/things", std::string(60'000, ' ')))->status, 200);
}

TEST_F(Limits, TheHeadsLimitsAreTheConfigured) {
    config.header_bytes_max = 200;
    config.headers_max = 3;
    start();
    EXPECT_EQ(answer_to(get("/echo/a", "A: 1\r\nB: 2\r\n"))->status, 200);
    EXPECT_EQ(answer_to(get("/echo/a", "A: 1\r\nB: 2\r\nC: 3\r\n"))->status, 431);
    const std::string fixed = get("/echo/a", "A: \r\n");
    EXPECT_EQ(answer_to(get("/echo/a", "A: " + std::string(200 - fixed.size(), 'a') + "\r\n"))->status, 200);
    EXPECT_EQ(answer_to(get("/echo/a", "A: " + std::string(201 - fixed.size(), 'a') + "\r\n"))->status, 431);
}

}  // namespace
}  // namespace ledgerline::http
