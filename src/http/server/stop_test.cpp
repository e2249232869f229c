// Starting and stopping the listener.
#include <atomic>
#include <boost/asio/async_result.hpp>
#include <thread>

#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

class Stops : public EdgeTest {
protected:
    // Returns when the listener has begun to stop: its port accepts no more connections.
    void wait_for_stopping() const {
        while (connect().connected()) std::this_thread::yield();
    }
};

TEST_F(Stops, RequestsUnderWayGetTheirAnswers) {
    start();
    RawConnection waiting = connect(), idle = connect();
    idle.send(get("/echo/a"));
    EXPECT_EQ(idle.receive()->status, 200);
    waiting.send(get("/wait") + get("/echo/never"));
    ASSERT_TRUE(gate.wait_for_waiting(1));

    std::jthread stopper([&] { listener->stop(kPatience); });
    wait_for_stopping();
    EXPECT_TRUE(idle.closed());
    gate.open();
    const auto response = waiting.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->header("connection"), "close");
    waiting.shutdown_send();
    EXPECT_TRUE(waiting.closed());
}

TEST_F(Stops, AHalfReadRequestMayStillArrive) {
    start();
    RawConnection connection = connect();
    connection.send("GET /echo/a HT");
    RawConnection later = connect();
    later.send(get("/echo/a"));
    EXPECT_EQ(later.receive()->status, 200);
    std::jthread stopper([&] { listener->stop(kPatience); });
    wait_for_stopping();
    connection.send("TP/1.1\r\nHost: a\r\n\r\n");
    const auto response = connection.receive();
    connection.shutdown_send();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->header("connection"), "close");
}

TEST_F(Stops, HandlersThatTakeLongerThanGraceAreAborted) {
    start();
    RawConnection waiting = connect(), half = connect();
    waiting.send(get("/wait"));
    half.send("GET /");
    ASSERT_TRUE(gate.wait_for_waiting(1));
    listener->stop(milliseconds(0));
    EXPECT_EQ(gate.aborted(), 1u);
    EXPECT_FALSE(waiting.receive());
    EXPECT_FALSE(half.receive());
}

// A wait that no cancellation reaches, such as on a queue that is not Asio's.
class Deaf {
public:
    boost::asio::awaitable<void> wait() {
        auto token = boost::asio::use_awaitable;
        return boost::asio::async_initiate<boost::asio::use_awaitable_t<> const&, void()>(
            [this](auto handler) {
                using Work = boost::asio::executor_work_guard<boost::asio::any_io_executor>;
                const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
                resume_ = [shared, work = std::make_shared<Work>(boost::asio::get_associated_executor(*shared))] {
                    boost::asio::post(work->get_executor(), [shared] { std::move (*shared)(); });
                };
                begun_.test_and_set();
                begun_.notify_all();
            },
            token);
    }
    void wait_for_begun() const { begun_.wait(false); }
    void resume() { std::exchange(resume_, nullptr)(); }

private:
    std::function<void()> resume_;
    std::atomic_flag begun_;
};

TEST_F(Stops, AHandlerThatCannotBeAbortedIsLeftSuspended) {
    Deaf deaf;
    const auto guard = std::make_shared<int>();
    router.add({"GET", "/deaf", "deaf",
                [&deaf, guard](const Request&) -> boost::asio::awaitable<Response> {
                    const auto held = guard;  // NOLINT(performance-unnecessary-copy-initialization)
                    co_await deaf.wait();
                    ADD_FAILURE() << "the handler went on after the listener had stopped";
                    co_return Response();
                },
                0, Scope::any});
    start();
    RawConnection connection = connect();
    connection.send(get("/deaf"));
    deaf.wait_for_begun();
    listener->stop(milliseconds(0));
    EXPECT_FALSE(connection.receive());
    EXPECT_EQ(guard.use_count(), 3);
    deaf.resume();  // allowed, and without effect
    listener.reset();
    EXPECT_EQ(guard.use_count(), 2);
}

TEST_F(Stops, StopMayBeRepeatedAndTheOrderDoesNotMatter) {
    listener = std::make_unique<Listener>(config, router, context);
    listener->stop(milliseconds(0));
    ASSERT_TRUE(listener->start());
    listener->stop(kPatience);
    listener->stop(kPatience);
    listener.reset();
    start();
}

TEST_F(Stops, TwoListenersCannotShareAPort) {
    start();
    ListenerConfig same = config;
    same.port = listener->port();
    Listener second(same, router, context);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, "address_in_use");
    listener->stop(kPatience);
    Listener third(same, router, context);
    EXPECT_TRUE(third.start());
}

TEST_F(Stops, BadAddressesAreToldAsSuch) {
    config.host = "no such host";
    Listener wrong(config, router, context);
    EXPECT_EQ(wrong.start().error().code, "bad_address");
}

// Every request that reached its handler is answered, whenever the stop comes.
TEST_F(Stops, UnderLoadNothingHandledGoesUnanswered) {
    std::atomic<int> handled = 0, answered = 0;
    router.add({"POST", "/count", "count",
                [&](const Request& request) -> boost::asio::awaitable<Response> {
                    ++handled;
                    co_return co_await echo(request);
                },
                kThingBytesMax, Scope::any});
    start();
    const BaseUrl url{"127.0.0.1", listener->port(), ""};
    std::vector<std::jthread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&, url] {
            Client client(url);
            const ClientRequest request{"POST", "/count", {}, "{}"};
            for (auto response = client.send(request, kPatience); response;
                 response = client.send(request, kPatience)) {
                EXPECT_EQ(response->status, 200);
                ++answered;
                answered.notify_all();
            }
        });
    }
    for (int seen = answered; seen < 500; seen = answered) answered.wait(seen);
    listener->stop(kPatience);
    clients.clear();
    EXPECT_EQ(handled, answered);
}

}  // namespace
}  // namespace ledgerline::http
