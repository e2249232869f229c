#include "http/listener.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <list>
#include <mutex>

#include "http/edge.h"
#include "http/shard.h"
#include "observe/log.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// How long to wait when the system has no descriptor or memory left for another connection.
constexpr milliseconds kAcceptPause{100};
// How long aborted sessions may take to unwind before they are left suspended.
constexpr milliseconds kAbortWait{1000};

}  // namespace

struct Listener::Impl {
    Impl(ListenerConfig config, const Router& router, const Clock& clock, Random& random, Metrics& metrics,
         Tracer& tracer)
        : edge(std::move(config), router, clock, random, metrics, tracer), count(metrics.http_connections) {
        for (unsigned i = 0; i < std::max(edge.config.threads, 1u); ++i)
            shards.push_back(std::make_unique<Shard>(edge, count));
    }

    Result<void> bind() {
        if (!acceptors.empty()) return {};
        LEDGERLINE_TRY(ListenSockets sockets, ListenSockets::bind(edge.config.host, edge.config.port));
        adopt(std::move(sockets));
        return {};
    }

    void adopt(ListenSockets sockets) {
        port = sockets.port();
        for (const auto [descriptor, family] : sockets.release())
            acceptors.emplace_back(shards.front()->context(), family == AF_INET ? tcp::v4() : tcp::v6(), descriptor);
    }

    Result<void> start() {
        LEDGERLINE_CHECK(bind());
        for (tcp::acceptor& acceptor : acceptors) {
            boost::system::error_code error;
            acceptor.listen(asio::socket_base::max_listen_connections, error);
            if (error)
                return failure(
                    Disposition::stop, error == asio::error::address_in_use ? "address_in_use" : "listen_failed",
                    "cannot listen on " + edge.config.host + ":" + std::to_string(port) + ": " + error.message());
        }
        accepting = acceptors.size();
        for (tcp::acceptor& acceptor : acceptors)
            asio::co_spawn(shards.front()->context(), accept(acceptor), [this](const std::exception_ptr& failure) {
                if (failure) log::error("no connections are accepted any more");
                if (--accepting == 0) accept_ended.set_value();
            });
        started = true;
        for (unsigned i = 0; i < shards.size(); ++i) shards[i]->start(i);
        return {};
    }

    // The connections go to the shards in turn.
    asio::awaitable<void> accept(tcp::acceptor& acceptor) {
        asio::steady_timer pause(acceptor.get_executor());
        while (!edge.draining) {
            Shard& shard = *shards[turn++ % shards.size()];
            tcp::socket socket(shard.context());
            const auto [error] = co_await acceptor.async_accept(socket, use_tuple);
            if (!error) {
                admit(std::move(socket), shard);
            } else if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
                       error == asio::error::no_buffer_space ||
                       error == boost::system::errc::too_many_files_open_in_system) {
                log::warn("no more connections can be accepted for now", {{"reason", error.message()}});
                pause.expires_after(kAcceptPause);
                co_await pause.async_wait(use_tuple);
            }
        }
    }

    void admit(tcp::socket socket, Shard& shard) {
        const std::size_t open = count.now(), most = edge.config.connections_max;
        if (open >= most + turned_away_max) return;
        count.add();
        shard.adopt(std::move(socket), open >= most);
    }

    void stop(milliseconds grace) {
        const std::lock_guard lock(stop_mutex);
        if (!started || stopped) return;
        stopped = true;
        edge.draining = true;
        asio::post(shards.front()->context(), [this] {
            boost::system::error_code ignored;
            for (tcp::acceptor& acceptor : acceptors) acceptor.close(ignored);
        });
        accept_ended.get_future().wait();
        for (const auto& shard : shards) shard->drain();
        if (!count.wait_until_none(grace)) {
            for (const auto& shard : shards) shard->abort();
            if (!count.wait_until_none(kAbortWait))
                log::warn("handlers did not end when the listener stopped", {{"connections", count.now()}});
        }
        for (const auto& shard : shards) shard->join();
    }

    Edge edge;
    SessionCount count;
    std::vector<std::unique_ptr<Shard>> shards;
    std::list<tcp::acceptor> acceptors;  // of all addresses; they live on the first shard, as what follows
    std::size_t accepting = 0;           // of them
    std::size_t turn = 0;                // whose next
    std::promise<void> accept_ended;
    std::uint16_t port = 0;
    bool started = false;
    std::mutex stop_mutex;
    bool stopped = false;
};

Listener::Listener(ListenerConfig config, const Router& router, const Clock& clock, Random& random, Metrics& metrics,
                   Tracer& tracer)
    : impl_(std::make_unique<Impl>(std::move(config), router, clock, random, metrics, tracer)) {}

Listener::~Listener() { stop(milliseconds(0)); }

Result<void> Listener::bind() { return impl_->bind(); }

void Listener::bind(ListenSockets sockets) { impl_->adopt(std::move(sockets)); }

Result<void> Listener::start() { return impl_->start(); }

std::uint16_t Listener::port() const { return impl_->port; }

void Listener::stop(milliseconds grace) { impl_->stop(grace); }

}  // namespace ledgerline::http
