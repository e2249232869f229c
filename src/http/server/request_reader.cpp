#include "http/server/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "http/api_key.h"
#include "http/problem.h"
#include "http/rate_limit.h"
#include "http/server/body.h"
#include "http/server/meter.h"
#include "http/server/room.h"
#include "http/server/screen.h"
#include "http/server/server_span.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;

// A body up to this size is read and dropped before a refusal, which keeps the connection.
constexpr std::uint64_t kSkippedBodyBytesMax = 64 * 1024;
constexpr std::size_t kRequestIdCharsMax = 128;

Response problem(int status, std::string_view code, std::string_view detail) {
    return to_response(edge_problem(status, code, std::string(detail)));
}

Response no_connection() {
    return busy(edge_code::too_many_connections, "The server has reached its limit of connections.");
}

std::size_t weight_of(const std::vector<Header>& headers) {
    std::size_t bytes = headers.capacity() * sizeof(Header);
    for (const auto& [name, value] : headers) bytes += name.capacity() + value.capacity();
    return bytes;
}

// For a body that gets up to `more` further bytes: doubles each time, but never exceeds the most it may become.
std::size_t capacity_for(const Exchange& exchange, std::size_t more) {
    const std::string& body = exchange.request.body;
    const Framing& framing = exchange.framing;
    if (framing.body == Framing::Body::none) return body.capacity();
    const std::size_t end = framing.body == Framing::Body::length ? static_cast<std::size_t>(framing.content_length)
                                                                  : exchange.route->body_bytes_max;
    const std::size_t needed = std::min(body.size() + more, end);
    if (needed <= body.capacity()) return body.capacity();
    return std::max(needed, std::min(2 * body.capacity(), end));
}

// All that proxies, and perhaps the client, have said of where the request comes from, in order.
std::string forwarded_for(const Request& request) {
    std::string all;
    for (const auto& [name, value] : request.headers)
        if (name == "x-forwarded-for") all += (all.empty() ? "" : ",") + value;
    return all;
}

}  // namespace

asio::awaitable<RequestReader::Step> RequestReader::receive(Exchange& exchange) {
    std::string target;
    if (Step stop = co_await read_head(exchange, target)) co_return stop;
    auto refusal = edge_.admission.refuse(target, exchange);
    if (spare_ && !(exchange.route && is_probe(*exchange.route))) co_return refuse(exchange, no_connection());
    if (!refusal && !take_seat(exchange.request))
        co_return refuse(exchange, too_many_connections_of_key(edge_.connections_per_key));
    if (refusal) co_return co_await skip_body(exchange, *std::move(refusal));
    co_return co_await read_body(exchange);
}

asio::awaitable<RequestReader::Step> RequestReader::read_head(Exchange& exchange, std::string& target) {
    HeadScreen screen({edge_.config.header_bytes_max, edge_.config.headers_max});
    while (true) {
        const auto seen = screen.look(stream_.buffered());
        if (!seen) {
            identify(exchange);
            co_return refuse(exchange, to_response(seen.error()));
        }
        if (!*seen) {
            Step stop = co_await read_more(exchange);
            if (stop && stop->answer) identify(exchange);
            if (stop) co_return stop;
            continue;
        }
        Head head;
        const auto problem = parse_head((*seen)->head, head);
        stream_.consume((*seen)->bytes_used);
        exchange.request.method = std::move(head.method);
        exchange.request.headers = std::move(head.headers);
        exchange.framing = head.framing;
        exchange.close = spare_ || !head.framing.keep_alive;
        exchange.head_bytes = weight_of(exchange.request.headers) + head.target.capacity();
        target = std::move(head.target);
        identify(exchange);
        if (problem) co_return refuse(exchange, to_response(*problem));
        co_return std::nullopt;
    }
}

// Sets the request id and the trace: the client's own if they are well formed.
void RequestReader::identify(Exchange& exchange) {
    Request& request = exchange.request;
    const std::string* id = request.header("x-request-id");
    const bool usable = id && !id->empty() && id->size() <= kRequestIdCharsMax && is_visible_ascii(*id);
    request.request_id = usable ? *id : edge_.ids.next().to_string();
    const auto& trusted = edge_.config.trusted_proxies;
    request.peer = trusted.empty() ? stream_.peer() : client_behind(stream_.peer(), forwarded_for(request), trusted);
    request.certificate_key = stream_.client_key();
    begin_server_span(edge_.tracer, exchange);
}

// Whether the connection may be one of those that use the request's key. It is until another key comes by it.
bool RequestReader::take_seat(const Request& request) {
    if (!request.key || request.key->use == seated_for_) return true;
    seat_.reset();
    seated_for_ = nullptr;
    const std::shared_ptr<KeyUse>& use = request.key->use;
    seat_ = Seat::take({use, &use->connections}, edge_.connections_per_key);
    if (seat_) seated_for_ = use;
    return seat_.has_value();
}

// Reads more of the request, once there is room for what has arrived.
asio::awaitable<RequestReader::Step> RequestReader::read_more(Exchange& exchange) {
    if (!co_await hold(exchange, exchange.request.body.capacity())) co_return refuse(exchange, no_room());
    const Io io = evicted_ ? Io::interrupted : co_await stream_.read();
    co_return io == Io::done ? Step() : Step(stopped(exchange, io));
}

// Whether there is room for everything the request takes, with a body of that many bytes.
asio::awaitable<bool> RequestReader::hold(Exchange& exchange, std::size_t body_bytes) {
    const std::size_t bytes = stream_.weight() + exchange.head_bytes + body_bytes;
    if (!exchange.request.memory.resize(bytes)) {
        place_.begin(Connections::Doing::waiting);
        place_.hold(exchange.request.memory.bytes());
        const bool has_room = co_await take_room(exchange.request.memory, bytes, [this] { return evicted_; });
        place_.begin(Connections::Doing::reading);
        if (!has_room) co_return false;
    }
    place_.hold(bytes);
    co_return true;
}

// Reads and drops the body of a refused request, if that is worth more than a new connection.
asio::awaitable<RequestReader::Step> RequestReader::skip_body(Exchange& exchange, Response refusal) {
    const Framing& framing = exchange.framing;
    const bool client_waits = framing.expect != Framing::Expect::none && stream_.buffered().empty();
    if (framing.body == Framing::Body::none) co_return Stop{std::move(refusal)};
    if (framing.body == Framing::Body::chunked || client_waits || framing.content_length > kSkippedBodyBytesMax)
        co_return refuse(exchange, std::move(refusal));

    BodyDecoder decoder(framing, kSkippedBodyBytesMax);
    while (true) {
        std::string dropped;
        std::size_t used = 0;
        const auto state = decoder.decode(stream_.buffered(), dropped, used);
        stream_.consume(used);
        std::string().swap(dropped);
        if (state == BodyDecoder::State::done) co_return Stop{std::move(refusal)};
        if (Step stop = co_await read_more(exchange)) co_return stop;
    }
}

asio::awaitable<RequestReader::Step> RequestReader::read_body(Exchange& exchange) {
    if (Step stop = co_await say_continue(exchange)) co_return stop;
    const std::size_t bytes_max = exchange.route->body_bytes_max;
    std::string& body = exchange.request.body;
    BodyDecoder decoder(exchange.framing, bytes_max);
    while (true) {
        if (!co_await make_room(exchange)) co_return refuse(exchange, no_room());
        std::size_t used = 0;
        const auto state = decoder.decode(stream_.buffered(), body, used);
        stream_.consume(used);
        switch (state) {
            case BodyDecoder::State::done:
                // The size of any other was known from the head.
                if (exchange.framing.body == Framing::Body::chunked)
                    if (auto refused = edge_.admission.refuse_size(exchange, body.size()))
                        co_return Stop{std::move(refused)};
                co_return std::nullopt;
            case BodyDecoder::State::malformed:
                co_return refuse(exchange, problem(400, edge_code::malformed_request,
                                                   "The chunked body is malformed, or its extras are too long."));
            case BodyDecoder::State::too_large:
                co_return refuse(exchange,
                                 bytes_max == 0
                                     ? problem(400, edge_code::unexpected_body, "This call accepts no body.")
                                     : problem(413, edge_code::body_too_large,
                                               "The body may have at most " + std::to_string(bytes_max) + " bytes."));
            case BodyDecoder::State::more:
                break;
        }
        if (Step stop = co_await read_more(exchange)) co_return stop;
    }
}

// Makes the body as large as what was read ahead requires, not as large as its declared length. While it grows, it
// exists twice.
asio::awaitable<bool> RequestReader::make_room(Exchange& exchange) {
    std::string& body = exchange.request.body;
    const std::size_t capacity = body.capacity();
    const std::size_t wanted = capacity_for(exchange, stream_.buffered().size());
    if (wanted > capacity) {
        if (!co_await hold(exchange, capacity + wanted)) co_return false;
        std::string larger;  // reserve() of a non-empty one may take twice as much as requested
        larger.reserve(wanted);
        larger = body;
        body.swap(larger);
    }
    co_return co_await hold(exchange, body.capacity());
}

// Sends 100 Continue to a client that asked for it and has not begun to send the body yet.
asio::awaitable<RequestReader::Step> RequestReader::say_continue(const Exchange& exchange) {
    const Framing& framing = exchange.framing;
    if (framing.expect != Framing::Expect::go_ahead || framing.body == Framing::Body::none) co_return std::nullopt;
    if (!stream_.buffered().empty()) co_return std::nullopt;
    const Io io = co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n", "");
    co_return io == Io::done ? Step() : Step(Stop{});
}

// A refusal after which it is unknown where the next request begins.
RequestReader::Stop RequestReader::refuse(Exchange& exchange, Response response) {
    exchange.close = true;
    return Stop{std::move(response)};
}

RequestReader::Stop RequestReader::stopped(Exchange& exchange, Io io) {
    if (io == Io::interrupted && evicted_) return refuse(exchange, no_room());
    if (io != Io::timed_out) return Stop{};
    if (spare_) return refuse(exchange, no_connection());
    const ListenerConfig& config = edge_.config;
    return refuse(exchange, problem(408, edge_code::request_timeout,
                                    fmt::format("The whole request must arrive within {} ms, at least {} bytes of the "
                                                "rest in every {} ms.",
                                                config.request_timeout.count(), config.request_pace.bytes,
                                                config.request_pace.window.count())));
}

}  // namespace ledgerline::http
