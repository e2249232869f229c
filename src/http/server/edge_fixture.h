// For this module's tests: a listener with a few calls on a free port, and a client that sends raw bytes.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "base/uuid.h"
#include "http/client.h"
#include "http/server/listener.h"
#include "lab/raw_connection.h"

namespace ledgerline::http {

using test::RawConnection;
using test::RawResponse;

// How long a test waits for what must happen. Only a failing test waits this long.
inline constexpr milliseconds kPatience{20'000};

// Handlers wait at a gate until a test opens it from its own thread.
class Gate {
public:
    boost::asio::awaitable<void> wait() {
        const auto timer =
            std::make_shared<boost::asio::steady_timer>(co_await boost::asio::this_coro::executor, SteadyTime::max());
        {
            const std::lock_guard lock(mutex_);
            if (open_) co_return;
            waiting_.push_back(timer);
            changed_.notify_all();
        }
        co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        const std::lock_guard lock(mutex_);
        if (!open_) ++aborted_;
        std::erase(waiting_, timer);  // a timer must not outlive its executor
        changed_.notify_all();
    }

    bool wait_for_waiting(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] { return waiting_.size() >= count; });
    }

    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        for (const auto& timer : waiting_)
            boost::asio::post(timer->get_executor(), [timer] { timer->expires_at(SteadyTime::min()); });
        waiting_.clear();
    }

    std::size_t aborted() const {
        const std::lock_guard lock(mutex_);
        return aborted_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
    bool open_ = false;
    std::size_t aborted_ = 0;
};
inline constexpr std::size_t kThingBytesMax = 100'000;
inline constexpr std::size_t kLargeBytes = 64 * 1024 * 1024;

class EdgeTest : public testing::Test {
protected:
    EdgeTest() {
        config.port = 0;
        const auto add = [this](const char* method, const char* pattern, const char* name, Handler handler,
                                std::size_t body_bytes_max = 0, Scope scope = Scope::any) {
            router.add({method, pattern, name, std::move(handler), body_bytes_max, scope});
        };
        add("GET", "/echo/{word}", "echo", [](const Request& request) { return echo(request); });
        add("POST", "/things", "make_thing", [](const Request& request) { return echo(request); }, kThingBytesMax);
        add("POST", "/act", "act", [](const Request& request) { return echo(request); });
        add("GET", "/throw", "throw", [](const Request&) -> boost::asio::awaitable<Response> {
            throw std::runtime_error("a secret of ours");
            co_return Response();
        });
        add("GET", "/exhaust", "exhaust", [](const Request&) -> boost::asio::awaitable<Response> {
            throw std::bad_alloc();
            co_return Response();
        });
        add("GET", "/throw-later", "throw_later", [](const Request&) -> boost::asio::awaitable<Response> {
            boost::asio::post(co_await boost::asio::this_coro::executor,
                              [] { throw std::runtime_error("left behind"); });
            co_return Response();
        });
        add("GET", "/forge", "forge", [](const Request&) -> boost::asio::awaitable<Response> {
            Response response;
            response.headers.emplace_back("Location", "/a\r\nSet-Cookie: b");
            co_return response;
        });
        const auto large = [](const Request&) -> boost::asio::awaitable<Response> {
            Response response;
            response.body.assign(kLargeBytes, ' ');
            co_return response;
        };
        add("GET", "/large", "large", large);
        add("POST", "/large", "large_with_body", large, kThingBytesMax);
        const auto wait = [this](const Request& request) { return wait_at_gate(request); };
        add("GET", "/wait", "wait", wait);
        add("POST", "/wait", "wait_with_body", wait, kThingBytesMax);
        add("GET", "/open", "open", [](const Request& request) { return echo(request); }, 0, Scope::open);
    }

    void start() {
        listener = std::make_unique<Listener>(config, router, context);
        const auto started = listener->start();
        ASSERT_TRUE(started) << started.error().message;
    }

    RawConnection connect() const { return RawConnection(listener->port()); }

    // The answer of one connection to these bytes.
    std::optional<RawResponse> answer_to(std::string_view bytes) const {
        RawConnection connection = connect();
        connection.send(bytes);
        return connection.receive();
    }

    // {method, path, params, query, body, request_id, trace_id}
    static boost::asio::awaitable<Response> echo(const Request& request) {
        const auto object_of = [](const auto& pairs) {
            json::Array list;
            for (const auto& [name, value] : pairs) list.emplace_back(name + "=" + value);
            return list;
        };
        Response response;
        response.body = json::serialize(json::Object{{"method", request.method},
                                                     {"path", request.path},
                                                     {"params", object_of(request.path_params)},
                                                     {"query", object_of(request.query)},
                                                     {"body", request.body},
                                                     {"request_id", request.request_id},
                                                     {"trace_id", std::string(request.trace.trace_id)}});
        co_return response;
    }

    boost::asio::awaitable<Response> wait_at_gate(const Request& request) {
        co_await gate.wait();
        co_return co_await echo(request);
    }

    Gate gate;
    SystemClock clock;
    SystemRandom random;
    UuidGenerator ids{clock, random};
    Metrics metrics{"test"};
    ProcessContext context{clock, random, ids, metrics};
    Router router;
    ListenerConfig config;
    std::unique_ptr<Listener> listener;
};

inline std::string get(std::string_view target, std::string_view headers = "") {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}

inline std::string post(std::string_view target, std::string_view body, std::string_view headers = "") {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" +
           std::string(body);
}

inline std::string post_chunked(std::string_view target, std::string_view chunks, std::string_view headers = "") {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" +
           std::string(headers) + "\r\n" + std::string(chunks);
}

}  // namespace ledgerline::http
