// The limits of the listener: time, connections and bytes, over real sockets.
#include <functional>
#include <thread>

#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

using Limits = EdgeTest;

constexpr milliseconds kShort{50};

bool eventually(const std::function<bool()>& holds) {
    for (const auto deadline = std::chrono::steady_clock::now() + kPatience; !holds();) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
}

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
    // Ends when the server has answered and closed; 16 KiB in total would be refused for another reason.
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
    // Another connection that times out shows that the first one's deadline has passed, too.
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
    // Another connection that times out shows that the time has passed.
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
    config.answer_bytes_max = 2 * kLargeBytes;
    start();
    RawConnection connection = connect();
    connection.send(get("/large"));
    // 64 MiB do not fit into the sockets' buffers, and the next request is not begun before they are written.
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
    config.connections_per_address = 2;
    start();
    RawConnection first = connect(), second = connect();
    for (RawConnection* connection : {&first, &second}) connection->send(get("/wait"));
    ASSERT_TRUE(gate.wait_for_waiting(2));
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

    gate.open();
    EXPECT_EQ(first.receive()->status, 200);
    EXPECT_EQ(second.receive()->status, 200);
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 200);
}

TEST_F(Limits, ProbesAreAnsweredBeyondTheLimit) {
    router.add({.method = "GET",
                .pattern = "/readyz",
                .name = "readyz",
                .handler = [](const Request&) -> boost::asio::awaitable<Response> { co_return Response(); },
                .scope = Scope::open});
    config.connections_max = 1;
    start();
    RawConnection busy = connect();
    busy.send(get("/wait"));
    ASSERT_TRUE(gate.wait_for_waiting(1));
    EXPECT_EQ(answer_to(get("/readyz"))->status, 200);
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 503);
    // Silent clients on the spare connections make room.
    std::vector<RawConnection> silent;
    for (std::size_t i = 0; i < Listener::spare_connections_max + 16; ++i) silent.push_back(connect());
    RawConnection probe = connect();
    probe.send(get("/readyz"));
    const auto ready = probe.receive();
    ASSERT_TRUE(ready);
    EXPECT_EQ(ready->status, 200);
    probe.shutdown_send();
    EXPECT_TRUE(probe.closed()) << "one request each";
    gate.open();
    EXPECT_EQ(busy.receive()->status, 200);
}

// A waiting connection makes room for a new one; those without a head before the idle ones.
TEST_F(Limits, WhoWaitsMakesRoomForWhoComes) {
    config.connections_max = 3;
    config.connections_per_address = 3;
    start();
    RawConnection idle = connect();
    idle.send(get("/echo/a"));
    EXPECT_EQ(idle.receive()->status, 200);
    RawConnection silent = connect(), headless = connect();
    headless.send("GET /ec");
    RawConnection first = connect();
    first.send(get("/echo/a"));
    EXPECT_EQ(first.receive()->status, 200);
    EXPECT_TRUE(silent.closed() || headless.closed());
    RawConnection second = connect();
    second.send(get("/echo/a"));
    EXPECT_EQ(second.receive()->status, 200);
    EXPECT_TRUE(silent.closed());
    EXPECT_TRUE(headless.closed());
    idle.send(get("/echo/b"));
    const auto kept = idle.receive();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->status, 200);
    EXPECT_TRUE(metrics.to_text().contains(R"(http_connections_dropped_total{reason="crowded"} 2)"));
}

TEST_F(Limits, AnAddressHasItsShareOfTheConnections) {
    config.connections_max = 100;
    config.connections_per_address = 1;
    start();
    RawConnection first = connect();
    first.send(get("/wait"));
    ASSERT_TRUE(gate.wait_for_waiting(1));
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 503);
    RawConnection elsewhere(listener->port(), "127.0.0.2");
    elsewhere.send(get("/echo/a"));
    EXPECT_EQ(elsewhere.receive()->status, 200);
    gate.open();
    EXPECT_EQ(first.receive()->status, 200);
}

TEST_F(Limits, ATrustedProxyHasNoShare) {
    config.connections_max = 100;
    config.connections_per_address = 1;
    config.trusted_proxies = {*Network::parse("127.0.0.0/30")};
    start();
    RawConnection first = connect();
    first.send(get("/wait"));
    ASSERT_TRUE(gate.wait_for_waiting(1));
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 200);
    gate.open();
    EXPECT_EQ(first.receive()->status, 200);
}

// A body that stopped one byte short does not delay others.
TEST_F(Limits, SlowBodiesMakeRoomForOthers) {
    config.request_bytes_max = 400'000;
    start();
    const std::string body(kThingBytesMax, ' ');
    std::vector<RawConnection> holders;
    for (int i = 0; i < 12; ++i) {
        holders.push_back(connect());
        const std::string request = post("/things", body);
        holders.back().send(std::string_view(request).substr(0, request.size() - 1));
    }
    // While all of them are still sending there is no room, and a new one is told to come again.
    for (int i = 0; i < 20; ++i)
        EXPECT_TRUE(eventually([&] {
            const auto response = answer_to(post("/things", body));
            return response && response->status == 200;
        }));
    EXPECT_TRUE(metrics.to_text().contains(R"(http_connections_dropped_total{reason="request_bytes"} )"));
    EXPECT_FALSE(metrics.to_text().contains(R"(http_connections_dropped_total{reason="request_bytes"} 0)"));
    std::size_t thrown_out = 0;
    for (RawConnection& holder : holders) {
        holder.send(" ");
        const auto response = holder.receive();
        ASSERT_TRUE(!response || response->status == 200 || response->status == 503);
        thrown_out += !response || response->status == 503;
    }
    EXPECT_GE(thrown_out, 7u);
}

// It is counted as it arrives, so a declared length alone costs nothing.
TEST_F(Limits, AnAnnouncedBodyTakesNoRoom) {
    config.request_bytes_max = 200'000;
    start();
    std::vector<RawConnection> holders;
    for (int i = 0; i < 50; ++i) {
        holders.push_back(connect());
        const std::string request = post("/things", std::string(kThingBytesMax, ' '));
        holders.back().send(std::string_view(request).substr(0, request.size() - kThingBytesMax));
    }
    EXPECT_EQ(answer_to(post("/things", std::string(60'000, ' ')))->status, 200);
    EXPECT_TRUE(metrics.to_text().contains(R"(http_connections_dropped_total{reason="request_bytes"} 0)"));
}

TEST_F(Limits, ARequestThatComesTooSlowlyIsGivenUp) {
    config.request_pace = {1'000, milliseconds(100)};
    start();
    RawConnection connection = connect();
    const std::string request = post("/things", std::string(50'000, ' '));
    connection.send(std::string_view(request).substr(0, request.size() - 1));
    expect_timed_out(connection);
}

TEST_F(Limits, AnAnswerThatIsReadTooSlowlyIsBrokenOff) {
    config.answer_pace = {64 * 1024, milliseconds(200)};
    config.answer_bytes_max = 2 * kLargeBytes;
    start();
    RawConnection connection = connect();
    connection.send(get("/large"));
    ASSERT_TRUE(connection.receive(true));
    ASSERT_TRUE(eventually(
        [&] { return metrics.to_text().contains(R"(http_connections_dropped_total{reason="slow_reader"} 1)"); }));
    EXPECT_TRUE(eventually([&] { return metrics.to_text().contains("http_answer_bytes 0\n"); }));
}

TEST_F(Limits, SlowReadersMakeRoomForOthers) {
    config.answer_bytes_max = 2 * kLargeBytes + kLargeBytes / 2;
    start();
    std::vector<RawConnection> slow;
    for (int i = 0; i < 2; ++i) {
        slow.push_back(connect());
        slow.back().send(get("/large"));
        ASSERT_TRUE(slow.back().receive(true));
    }
    // On a busy machine this one may be the slowest for a moment.
    EXPECT_TRUE(eventually([&] {
        const auto response = answer_to(get("/large"));
        return response && response->status == 200 && response->body.size() == kLargeBytes;
    }));
    EXPECT_FALSE(metrics.to_text().contains(R"(http_connections_dropped_total{reason="answer_bytes"} 0)"));
}

TEST_F(Limits, AnAnswerBeyondTheBudgetIsRefused) {
    config.answer_bytes_max = kLargeBytes / 2;
    start();
    const auto response = answer_to(get("/large"));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 503);
    EXPECT_EQ(response->code(), edge_code::overloaded);
    EXPECT_NE(response->header("retry-after"), "");
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 200);
}

TEST_F(Limits, MemoryThatIsNotToBeHadEndsNothing) {
    start();
    for (int i = 0; i < 10; ++i) {
        const auto response = answer_to(get("/exhaust"));
        ASSERT_TRUE(response);
        EXPECT_EQ(response->status, 503);
        EXPECT_NE(response->header("retry-after"), "");
    }
    EXPECT_EQ(answer_to(get("/echo/a"))->status, 200);
    EXPECT_TRUE(metrics.to_text().contains("loop_exceptions_total{loop=\"http\"} 10\n"));
}

// Whatever a handler leaves behind on the thread's loop.
TEST_F(Limits, AnExceptionOfTheLoopEndsNothing) {
    start();
    EXPECT_EQ(answer_to(get("/throw-later"))->status, 200);
    ASSERT_TRUE(eventually([&] { return metrics.to_text().contains("loop_exceptions_total{loop=\"http\"} 1\n"); }));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(answer_to(get("/echo/a"))->status, 200);
}

TEST_F(Limits, BodiesBeyondTheBudgetAreRefused) {
    config.request_bytes_max = 240'000;
    start();
    RawConnection holder = connect();
    holder.send(post("/wait", std::string(90'000, ' ')));
    ASSERT_TRUE(gate.wait_for_waiting(1));

    const auto refused = answer_to(post("/things", std::string(90'000, ' ')));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(refused->code(), edge_code::overloaded);
    EXPECT_NE(refused->header("retry-after"), "");
    EXPECT_EQ(refused->header("connection"), "close");
    EXPECT_EQ(answer_to(post("/things", std::string(10'000, ' ')))->status, 200);

    gate.open();
    EXPECT_EQ(holder.receive()->status, 200);
    EXPECT_EQ(answer_to(post("/things", std::string(90'000, ' ')))->status, 200);
}

TEST_F(Limits, ABodyLeavesTheBudgetBeforeItsAnswerIsSent) {
    config.request_bytes_max = 240'000;
    config.answer_bytes_max = 2 * kLargeBytes;
    start();
    RawConnection slow = connect();
    slow.send(post("/large", std::string(90'000, ' ')));
    ASSERT_TRUE(slow.receive(true));  // and the 64 MiB that follow are left unread
    EXPECT_EQ(answer_to(post("/things", std::string(90'000, ' ')))->status, 200);
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
