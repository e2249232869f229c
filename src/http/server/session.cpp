#include "http/server/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <new>

#include "base/text.h"
#include "http/server/body.h"
#include "http/server/room.h"
#include "http/server/screen.h"
#include "http/server/server_span.h"
#include "http/server/wire.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;

// A body up to this size is read and dropped before a refusal, which keeps the connection.
constexpr std::uint64_t kSkippedBodyBytesMax = 64 * 1024;
// How long a spare connection may take to send its request.
constexpr milliseconds kSpareTimeout{2000};
// How long, and for how many bytes, a closed connection is still read, so that the client sees the last answer.
constexpr milliseconds kLinger{2000};
constexpr std::size_t kLingerBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kRequestIdCharsMax = 128;
constexpr int kRetryAfterSeconds = 1;

Response problem(int status, std::string_view code, std::string_view detail) {
    return to_response(edge_problem(status, code, std::string(detail)));
}

Response busy(std::string_view code, std::string_view detail) {
    Problem made = edge_problem(503, code, std::string(detail));
    made.retry_after_seconds = kRetryAfterSeconds;
    return to_response(made);
}

// For an answer that was made, or begun, but cannot be sent.
Response lost_answer() {
    return busy(edge_code::overloaded,
                "There is no memory for the answer. The request may have been executed; repeat it unchanged.");
}

Response no_connection() {
    return busy(edge_code::too_many_connections, "The server has reached its limit of connections.");
}

Response internal_error() {
    return problem(500, edge_code::internal_error, "The request failed; the log says why under its request id.");
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

}  // namespace

Session::Session(Edge& edge, Meter& meter, asio::ip::tcp::socket socket, Kind kind,
                 std::shared_ptr<Connections::Place> place)
    : edge_(edge), meter_(meter), kind_(kind), place_(std::move(place)) {
    stream_ = std::make_shared<Stream>(std::move(socket), [this] { place_->progress(); });
    place_->on_evict = [this](Eviction reason) { evict(reason); };
}

void Session::drain() {
    if (waiting_) stream_->interrupt();
}

void Session::abort() {
    aborted_ = true;
    abort_signal_.emit(asio::cancellation_type::terminal);
    stream_->close();
}

// The place may already belong to another connection. A request that was finished in the meantime is answered first.
void Session::evict(Eviction reason) {
    using enum Connections::Doing;
    evicted_ = true;
    const Connections::Doing doing = place_->doing();
    if (reason == Eviction::request_bytes && doing == reading)
        stream_->interrupt();  // there is room to say why
    else if (doing == reading || doing == idle || (reason == Eviction::answer_bytes && doing == writing))
        stream_->close();
    else if (doing != waiting)  // a waiting one checks for itself
        return;
    meter_.record_dropped(dropped_for(reason));
}

asio::awaitable<void> Session::run() {
    bool open = true;
    while (open && co_await await_request()) open = co_await serve_one();
    if (!open && stream_->is_open()) co_await finish();
    stream_->close();
}

// Whether a request has begun. Idle connections are closed without an answer.
asio::awaitable<bool> Session::await_request() {
    stream_->set_deadline(kind_ == Kind::spare ? kSpareTimeout : edge_.config.idle_timeout);
    while (stream_->buffered().empty()) {
        // What was sent before draining began is still answered.
        if (edge_.draining && !stream_->has_unread()) co_return false;
        if (evicted_) co_return false;
        waiting_ = true;
        const Io io = co_await stream_->read();
        waiting_ = false;
        if (io != Io::done && io != Io::interrupted) co_return false;
    }
    co_return true;
}

// Whether the connection stays open for another request.
asio::awaitable<bool> Session::serve_one() {
    Exchange exchange(edge_.requests, edge_.answers);
    exchange.request.received_at = edge_.clock.steady_now();
    exchange.begun_at = edge_.clock.wall_now();
    place_->begin(Connections::Doing::reading);
    if (kind_ == Kind::spare)
        stream_->set_deadline(kSpareTimeout);
    else
        stream_->set_deadline(edge_.config.request_timeout, edge_.config.request_pace);
    Step stop = co_await receive(exchange);
    stream_->clear_deadline();
    place_->begin(Connections::Doing::working);
    exchange.complete_at = edge_.clock.steady_now();
    if (stop && !stop->answer) {
        exchange.span.drop();
        co_return false;
    }
    Response response = stop ? *std::move(stop->answer) : co_await handle(exchange);
    exchange.request.drop_body();
    const bool open = co_await answer(exchange, std::move(response));
    if (open) place_->begin(Connections::Doing::idle);
    co_return open;
}

asio::awaitable<Session::Step> Session::receive(Exchange& exchange) {
    std::string target;
    if (Step stop = co_await read_head(exchange, target)) co_return stop;
    auto refusal = edge_.admission.refuse(target, exchange);
    if (kind_ == Kind::spare && !(exchange.route && is_probe(*exchange.route)))
        co_return refuse(exchange, no_connection());
    if (refusal) co_return co_await skip_body(exchange, *std::move(refusal));
    co_return co_await read_body(exchange);
}

asio::awaitable<Session::Step> Session::read_head(Exchange& exchange, std::string& target) {
    HeadScreen screen({edge_.config.header_bytes_max, edge_.config.headers_max});
    while (true) {
        const auto seen = screen.look(stream_->buffered());
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
        stream_->consume((*seen)->bytes_used);
        exchange.request.method = std::move(head.method);
        exchange.request.headers = std::move(head.headers);
        exchange.framing = head.framing;
        exchange.close = kind_ == Kind::spare || !head.framing.keep_alive;
        exchange.head_bytes = weight_of(exchange.request.headers) + head.target.capacity();
        target = std::move(head.target);
        identify(exchange);
        if (problem) co_return refuse(exchange, to_response(*problem));
        co_return std::nullopt;
    }
}

// Sets the request id and the trace: the client's own if they are well formed.
void Session::identify(Exchange& exchange) {
    Request& request = exchange.request;
    const std::string* id = request.header("x-request-id");
    const bool usable = id && !id->empty() && id->size() <= kRequestIdCharsMax && is_visible_ascii(*id);
    request.request_id = usable ? *id : edge_.ids.next().to_string();
    begin_server_span(edge_.tracer, exchange);
}

// Reads more of the request, once there is room for what has arrived.
asio::awaitable<Session::Step> Session::read_more(Exchange& exchange) {
    if (!co_await hold(exchange, exchange.request.body.capacity())) co_return refuse(exchange, no_room());
    const Io io = evicted_ ? Io::interrupted : co_await stream_->read();
    co_return io == Io::done ? Step() : Step(stopped(exchange, io));
}

// Whether there is room for everything the request takes, with a body of that many bytes.
asio::awaitable<bool> Session::hold(Exchange& exchange, std::size_t body_bytes) {
    const std::size_t bytes = stream_->weight() + exchange.head_bytes + body_bytes;
    if (!exchange.request.memory.resize(bytes)) {
        place_->begin(Connections::Doing::waiting);
        place_->hold(exchange.request.memory.bytes());
        const bool has_room = co_await take_room(exchange.request.memory, bytes, [this] { return evicted_; });
        place_->begin(Connections::Doing::reading);
        if (!has_room) co_return false;
    }
    place_->hold(bytes);
    co_return true;
}

// Reads and drops the body of a refused request, if that is worth more than a new connection.
asio::awaitable<Session::Step> Session::skip_body(Exchange& exchange, Response refusal) {
    const Framing& framing = exchange.framing;
    const bool client_waits = framing.expect != Framing::Expect::none && stream_->buffered().empty();
    if (framing.body == Framing::Body::none) co_return Stop{std::move(refusal)};
    if (framing.body == Framing::Body::chunked || client_waits || framing.content_length > kSkippedBodyBytesMax)
        co_return refuse(exchange, std::move(refusal));

    BodyDecoder decoder(framing, kSkippedBodyBytesMax);
    while (true) {
        std::string dropped;
        std::size_t used = 0;
        const auto state = decoder.decode(stream_->buffered(), dropped, used);
        stream_->consume(used);
        std::string().swap(dropped);
        if (state == BodyDecoder::State::done) co_return Stop{std::move(refusal)};
        if (Step stop = co_await read_more(exchange)) co_return stop;
    }
}

asio::awaitable<Session::Step> Session::read_body(Exchange& exchange) {
    if (Step stop = co_await say_continue(exchange)) co_return stop;
    const std::size_t bytes_max = exchange.route->body_bytes_max;
    std::string& body = exchange.request.body;
    BodyDecoder decoder(exchange.framing, bytes_max);
    while (true) {
        if (!co_await make_room(exchange)) co_return refuse(exchange, no_room());
        std::size_t used = 0;
        const auto state = decoder.decode(stream_->buffered(), body, used);
        stream_->consume(used);
        switch (state) {
            case BodyDecoder::State::done:
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
asio::awaitable<bool> Session::make_room(Exchange& exchange) {
    std::string& body = exchange.request.body;
    const std::size_t capacity = body.capacity();
    const std::size_t wanted = capacity_for(exchange, stream_->buffered().size());
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
asio::awaitable<Session::Step> Session::say_continue(const Exchange& exchange) {
    const Framing& framing = exchange.framing;
    if (framing.expect != Framing::Expect::go_ahead || framing.body == Framing::Body::none) co_return std::nullopt;
    if (!stream_->buffered().empty()) co_return std::nullopt;
    const Io io = co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n", "");
    co_return io == Io::done ? Step() : Step(Stop{});
}

asio::awaitable<Response> Session::handle(Exchange& exchange) {
    exchange.handled = true;
    try {
        Response response = co_await exchange.route->handler(exchange.request);
        if (is_writable(response)) co_return response;
        exchange.failure = "the handler's status or headers cannot be written";
    } catch (const std::bad_alloc&) {
        exchange.failure = "out of memory";
        edge_.note_thrown("out of memory");
        co_return lost_answer();
    } catch (const std::exception& exception) {
        if (aborted_) throw;
        exchange.failure = exception.what();
    } catch (...) {
        if (aborted_) throw;
        exchange.failure = "unknown exception";
    }
    co_return internal_error();
}

// Whether the connection stays open.
asio::awaitable<bool> Session::answer(Exchange& exchange, Response response) {
    if (!co_await hold_answer(exchange, response)) {
        exchange.failure = "no room for the answer";
        response = lost_answer();
    }
    meter_.record(exchange, response, edge_.clock.steady_now());
    end_server_span(edge_.span_attributes, exchange, response);
    const bool close = exchange.close || edge_.draining || evicted_;
    const KeptOpen kept_open = close ? KeptOpen() : edge_.config.idle_timeout;
    const std::string head = wire_head(response, exchange.request.request_id, edge_.clock.wall_now(), kept_open);
    const bool bodiless = exchange.request.method == "HEAD" || response.status == 204 || response.status == 304;
    exchange.drop_request();
    stream_->set_deadline(edge_.config.write_timeout, edge_.config.answer_pace);
    const Io io = co_await stream_->write(head, bodiless ? std::string_view() : response.body);
    if (io == Io::timed_out) meter_.record_dropped(Dropped::slow_reader);
    if (io != Io::done) stream_->close();
    co_return io == Io::done && !close;
}

// Whether there is room for the answer. A small one does not wait: others make room for it while it is sent.
asio::awaitable<bool> Session::hold_answer(Exchange& exchange, const Response& response) {
    ByteBudget::Share& memory = exchange.request.answer_memory;
    const std::size_t bytes = response.body.capacity();
    if (bytes > limits::small_answer_bytes_max) {
        if (!co_await take_room(memory, bytes)) co_return false;
    } else if (!memory.resize(bytes)) {
        memory.release();
        edge_.answers.relieve(bytes);
    }
    place_->begin(Connections::Doing::writing);
    place_->hold(memory.bytes());
    co_return true;
}

asio::awaitable<void> Session::finish() {
    stream_->set_deadline(kLinger);
    co_await stream_->linger(kLingerBytesMax);
}

// A refusal after which it is unknown where the next request begins.
Session::Stop Session::refuse(Exchange& exchange, Response response) {
    exchange.close = true;
    return Stop{std::move(response)};
}

Session::Stop Session::stopped(Exchange& exchange, Io io) {
    if (io == Io::interrupted && evicted_) return refuse(exchange, no_room());
    if (io != Io::timed_out) return Stop{};
    if (kind_ == Kind::spare) return refuse(exchange, no_connection());
    const ListenerConfig& config = edge_.config;
    return refuse(exchange, problem(408, edge_code::request_timeout,
                                    fmt::format("The whole request must arrive within {} ms, at least {} bytes of the "
                                                "rest in every {} ms.",
                                                config.request_timeout.count(), config.request_pace.bytes,
                                                config.request_pace.window.count())));
}

}  // namespace ledgerline::http
