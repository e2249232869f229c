// Session: one connection, from accept to close. One coroutine on one single-threaded executor reads (RequestReader),
// handles and answers its requests one after another, so no two threads ever touch it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "http/body_parts.h"
#include "http/server/edge.h"
#include "http/server/exchange.h"
#include "http/server/meter.h"
#include "http/server/request_reader.h"
#include "http/server/stream.h"
#include "http/server/turns.h"

namespace ledgerline::http {

class Session {
public:
    // whole: serves requests one after another. spare: beyond the limit of connections; answers one request, with 503
    // unless it is a probe.
    enum class Kind { whole, spare };

    // Edge, meter and turns must outlive it.
    Session(Edge& edge, Meter& meter, Turns& turns, boost::asio::ip::tcp::socket socket, Kind kind,
            std::shared_ptr<Connections::Place> place);

    // Serves until the client or the edge ends it. Must be spawned with abort_slot(), so that abort() works.
    boost::asio::awaitable<void> run();

    // Ends the session now if it waits for a request, otherwise after the current answer. Edge::draining must be set.
    void drain();
    // Ends it wherever it is; a handler that waits on an Asio operation sees operation_aborted.
    void abort();
    boost::asio::cancellation_slot abort_slot() { return abort_signal_.slot(); }

private:
    boost::asio::awaitable<bool> begin_tls();
    boost::asio::awaitable<void> refuse_plain();
    boost::asio::awaitable<bool> await_request();
    boost::asio::awaitable<bool> serve_one();
    boost::asio::awaitable<bool> hold_answer(Exchange& exchange, const Response& response);
    boost::asio::awaitable<Response> handle(Exchange& exchange);
    boost::asio::awaitable<void> slow_down(const Request& request);
    boost::asio::awaitable<bool> answer(Exchange& exchange, Response response);
    boost::asio::awaitable<Io> write_parts(Request& request, BodyParts& parts, bool chunked);
    boost::asio::awaitable<Io> write_part(ByteBudget::Share& memory, const std::string& part, bool chunked);
    boost::asio::awaitable<void> finish();

    void evict(Eviction reason);

    Edge& edge_;
    Meter& meter_;
    Turns& turns_;
    const Kind kind_;
    const std::shared_ptr<Connections::Place> place_;
    const std::shared_ptr<Stream> stream_;
    RequestReader reader_;
    boost::asio::cancellation_signal abort_signal_;
    bool waiting_ = false;  // for the first byte of a request
    bool evicted_ = false;  // closes as soon as it can
    bool aborted_ = false;
};

}  // namespace ledgerline::http
