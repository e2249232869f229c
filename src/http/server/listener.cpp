#include "http/server/listener.h"

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

#include "http/server/edge.h"
#include "http/server/shard.h"
#include "observe/log.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// How long to wait when the system has no descriptor or memory for another connection.
constexpr milliseconds kAcceptPause{100};
// How often to log that there is none.
constexpr milliseconds kRefusalLogPause{10'000};
// How long aborted sessions may take to unwind before they are left suspended.
constexpr milliseconds kAbortWait{1000};

}  // namespace

struct Listener::Impl {
    Impl(ListenerConfig config, const Router& router, const ProcessContext& context, Edge* shared)
        : edge(std::move(config), router, context, shared), count(context.metrics.http_connections) {
        for (unsigned i = 0; i < std::max(edge.config.threads, 1u); ++i)
            shards.push_back(std::make_unique<Shard>(edge, "http-" + std::to_string(i)));
        shards.push_back(std::make_unique<Shard>(edge, "http-spare"));
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
                if (failure) log::error("no more connections are accepted");
                if (--accepting == 0) accept_ended.set_value();
            });
        started = true;
        for (const auto& shard : shards) shard->start();
        return {};
    }

    // Connections go to the shards in turn.
    asio::awaitable<void> accept(tcp::acceptor& acceptor) {
        asio::steady_timer pause(acceptor.get_executor());
        while (!edge.draining) {
            bool has_memory = true;
            try {
                const auto error = co_await accept_one(acceptor);
                if (!error) continue;
                note_refusal(error);
            } catch (const std::bad_alloc&) {
                has_memory = false;
            }
            if (edge.draining) co_return;
            if (!has_memory) edge.note_thrown("no memory for a connection");
            pause.expires_after(kAcceptPause);
            co_await pause.async_wait(use_tuple);
        }
    }

    // Returns the error when the system accepts no more connections for now.
    asio::awaitable<boost::system::error_code> accept_one(tcp::acceptor& acceptor) {
        Shard& shard = *shards[turn++ % (shards.size() - 1)];
        tcp::socket socket(shard.context());
        const auto [error] = co_await acceptor.async_accept(socket, use_tuple);
        if (!error) {
            admit(std::move(socket), shard);
            co_return error;
        }
        const bool exhausted = error == asio::error::no_descriptors || error == asio::error::no_memory ||
                               error == asio::error::no_buffer_space ||
                               error == boost::system::errc::too_many_files_open_in_system;
        co_return exhausted ? error : boost::system::error_code();
    }

    void note_refusal(const boost::system::error_code& error) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (now < next_refusal_log) return;
        next_refusal_log = now + kRefusalLogPause;
        log::warn("no more connections can be accepted for now", {{"reason", error.message()}});
    }

    // Closes without an answer those that are already gone, and all when too many evicted and spare ones are still
    // open.
    void admit(tcp::socket socket, Shard& shard) {
        if (count.now() >= edge.config.connections_max + connections_beyond_max) return;
        boost::system::error_code gone;
        const auto from = socket.remote_endpoint(gone);
        if (gone) return;
        if (auto place = edge.connections.admit(from.address(), shard.evict())) {
            shard.adopt(std::move(socket), SessionCount::One(count), Session::Kind::whole, std::move(place));
            return;
        }
        Shard& spare = *shards.back();
        auto place = edge.spare_connections.admit(from.address(), spare.evict());
        if (!place) return;
        boost::system::error_code failed;
        const int descriptor = socket.release(failed);
        if (failed) return;
        spare.adopt(tcp::socket(spare.context(), from.protocol(), descriptor), SessionCount::One(count),
                    Session::Kind::spare, std::move(place));
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
    std::vector<std::unique_ptr<Shard>> shards;  // the last one has the spare connections
    std::list<tcp::acceptor> acceptors;          // of all addresses; on the first shard, like what follows
    std::size_t accepting = 0;                   // acceptors still accepting
    std::size_t turn = 0;                        // counts connections: picks the next shard
    SteadyTime next_refusal_log;
    std::promise<void> accept_ended;
    std::uint16_t port = 0;
    bool started = false;
    std::mutex stop_mutex;
    bool stopped = false;
};

Listener::Listener(ListenerConfig config, const Router& router, const ProcessContext& context, Listener* shared)
    : impl_(std::make_unique<Impl>(std::move(config), router, context, shared ? &shared->impl_->edge : nullptr)) {}

Listener::~Listener() { stop(milliseconds(0)); }

Result<void> Listener::bind() { return impl_->bind(); }

void Listener::bind(ListenSockets sockets) { impl_->adopt(std::move(sockets)); }

Result<void> Listener::start() { return impl_->start(); }

ApiKeys& Listener::keys() { return impl_->edge.keys; }
void Listener::set_tls(std::shared_ptr<const TlsContext> tls) { impl_->edge.tls = std::move(tls); }
const Logins& Listener::logins() const { return impl_->edge.logins; }

std::uint16_t Listener::port() const { return impl_->port; }

void Listener::stop(milliseconds grace) { impl_->stop(grace); }

}  // namespace ledgerline::http
