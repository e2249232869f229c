// RequestReader: reads the requests of one connection: the head, whether it is admitted, the body. It holds room for
// what it reads, and makes the refusals of the edge. It reads one request at a time, on its session's coroutine.
//
//     Exchange exchange(edge.requests, edge.answers);
//     if (const auto stop = co_await reader.receive(exchange)) ...  // answer with stop->answer, if there is one
//     else ...                                                      // exchange.route handles exchange.request
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "http/api_key.h"
#include "http/seat.h"
#include "http/server/edge.h"
#include "http/server/exchange.h"
#include "http/server/stream.h"

namespace ledgerline::http {

class RequestReader {
public:
    // Why a request does not reach its handler.
    struct Stop {
        std::optional<Response> answer;  // nothing when nobody is left to answer
    };
    using Step = std::optional<Stop>;  // nothing: continue

    // spare: beyond the limit of connections; only probes are read to the end. evicted becomes true when the request
    // must give up its room; the session then interrupts the stream. All of them must outlive it.
    RequestReader(Edge& edge, Stream& stream, Connections::Place& place, bool spare, const bool& evicted)
        : edge_(edge), stream_(stream), place_(place), spare_(spare), evicted_(evicted) {}

    // Reads one request, within the stream's deadline.
    boost::asio::awaitable<Step> receive(Exchange& exchange);

private:
    boost::asio::awaitable<Step> read_head(Exchange& exchange, std::string& target);
    boost::asio::awaitable<Step> read_more(Exchange& exchange);
    boost::asio::awaitable<Step> skip_body(Exchange& exchange, Response refusal);
    boost::asio::awaitable<Step> read_body(Exchange& exchange);
    boost::asio::awaitable<bool> make_room(Exchange& exchange);
    boost::asio::awaitable<bool> hold(Exchange& exchange, std::size_t body_bytes);
    boost::asio::awaitable<Step> say_continue(const Exchange& exchange);

    void identify(Exchange& exchange);
    bool take_seat(const Request& request);
    Stop refuse(Exchange& exchange, Response response);
    Stop stopped(Exchange& exchange, Io io);

    Edge& edge_;
    Stream& stream_;
    Connections::Place& place_;
    const bool spare_;
    const bool& evicted_;
    std::shared_ptr<KeyUse> seated_for_;  // the key that the connection counts for
    std::optional<Seat> seat_;            // while there is one
};

}  // namespace ledgerline::http
