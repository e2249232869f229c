#include "http/listener.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <mutex>

#include "http/edge.h"
#include "http/shard.h"
#include "observe/log.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// Connections beyond the limit that are answered 503 at the same time; others are closed without an answer.
constexpr std::size_t kTurnedAwayMax = 64;
// How long to wait when the system has no descriptor or memory left for another connection.
constexpr milliseconds kAcceptPause{100};
// How long aborted sessions may take to unwind before they are left suspended.
constexpr milliseconds kAbortWait{1000};

std::unexpected<Error> listen_failure(const ListenerConfig& config, const boost::system::error_code& error) {
    const std::string where = config.host + ":" + std::to_string(config.port);
    const bool in_use = error == asio::error::address_in_use;
    return failure(Disposition::stop, in_use ? "address_in_use" : "listen_failed",
                   "cannot listen on " + where + ": " + error.message());
}

Result<tcp::endpoint> endpoint_of(const ListenerConfig& config) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(config.host == "localhost" ? "127.0.0.1" : config.host, error);
    if (error) return failure(Disposition::stop, "bad_address", "'" + config.host + "' is not an IP address");
    return tcp::endpoint(address, config.port);
}

}  // namespace

struct Listener::Impl {
    Impl(ListenerConfig config, const Router& router, const Clock& clock, Random& random, Metrics& metrics,
         Tracer& tracer)
        : edge(std::move(config), router, clock, random, metrics, tracer), count(metrics.http_connections) {
        for (unsigned i = 0; i < std::max(edge.config.threads, 1u); ++i)
            shards.push_back(std::make_unique<Shard>(edge, count));
    }

    Result<void> bind() {
        if (acceptor) return {};
        LEDGERLINE_TRY(const tcp::endpoint endpoint, endpoint_of(edge.config));
        boost::system::error_code error;
        auto made = std::make_unique<tcp::acceptor>(shards.front()->context());
        made->open(endpoint.protocol(), error);
        if (!error) made->set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) made->bind(endpoint, error);
        if (error) return listen_failure(edge.config, error);
        port = made->local_endpoint().port();
        acceptor = std::move(made);
        return {};
    }

    Result<void> start() {
        LEDGERLINE_CHECK(bind());
        boost::system::error_code error;
        acceptor->listen(asio::socket_base::max_listen_connections, error);
        if (error) return listen_failure(edge.config, error);
        accepting = true;
        asio::co_spawn(shards.front()->context(), accept(), [this](const std::exception_ptr& failure) {
            if (failure) log::error("no connections are accepted any more");
            accept_ended.set_value();
        });
        for (unsigned i = 0; i < shards.size(); ++i) shards[i]->start(i);
        return {};
    }

    // The connections go to the shards in turn.
    asio::awaitable<void> accept() {
        asio::steady_timer pause(acceptor->get_executor());
        for (std::size_t turn = 0; !edge.draining; turn = (turn + 1) % shards.size()) {
            tcp::socket socket(shards[turn]->context());
            const auto [error] = co_await acceptor->async_accept(socket, use_tuple);
            if (!error) {
                admit(std::move(socket), *shards[turn]);
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
        if (open >= most + kTurnedAwayMax) return;
        count.add();
        shard.adopt(std::move(socket), open >= most);
    }

    void stop(milliseconds grace) {
        const std::lock_guard lock(stop_mutex);
        if (!accepting || stopped) return;
        stopped = true;
        edge.draining = true;
        asio::post(shards.front()->context(), [this] {
            boost::system::error_code ignored;
            acceptor->close(ignored);
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
    std::unique_ptr<tcp::acceptor> acceptor;  // lives on the first shard
    std::promise<void> accept_ended;
    std::uint16_t port = 0;
    bool accepting = false;
    std::mutex stop_mutex;
    bool stopped = false;
};

Listener::Listener(ListenerConfig config, const Router& router, const Clock& clock, Random& random, Metrics& metrics,
                   Tracer& tracer)
    : impl_(std::make_unique<Impl>(std::move(config), router, clock, random, metrics, tracer)) {}

Listener::~Listener() { stop(milliseconds(0)); }

Result<void> Listener::bind() { return impl_->bind(); }

Result<void> Listener::start() { return impl_->start(); }

std::uint16_t Listener::port() const { return impl_->port; }

void Listener::stop(milliseconds grace) { impl_->stop(grace); }

}  // namespace ledgerline::http
