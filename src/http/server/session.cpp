#include "http/server/session.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <new>

#include "http/server/room.h"
#include "http/server/server_span.h"
#include "http/server/wire.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;

// How long a spare connection may take to send its request.
constexpr milliseconds kSpareTimeout{2000};
// How long, and for how many bytes, a closed connection is still read, so that the client sees the last answer.
constexpr milliseconds kLinger{2000};
constexpr std::size_t kLingerBytesMax = 16 * 1024 * 1024;

// For an answer that was made, or begun, but cannot be sent.
Response lost_answer() {
    return busy(edge_code::overloaded,
                "There is no memory for the answer. The request may have been executed; repeat it unchanged.");
}

Response internal_error() {
    return to_response(
        edge_problem(500, edge_code::internal_error, "The request failed; the log says why under its request id."));
}

}  // namespace

Session::Session(Edge& edge, Meter& meter, Turns& turns, asio::ip::tcp::socket socket, Kind kind,
                 std::shared_ptr<Connections::Place> place)
    : edge_(edge),
      meter_(meter),
      turns_(turns),
      kind_(kind),
      place_(std::move(place)),
      stream_(std::make_shared<Stream>(std::move(socket), edge.tls.load(), [this] { place_->progress(); })),
      reader_(edge_, *stream_, *place_, kind == Kind::spare, evicted_) {
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
    bool open = co_await begin_tls();
    if (!open) co_return stream_->close();
    while (open && co_await await_request()) open = co_await serve_one();
    if (!open && stream_->is_open()) co_await finish();
    stream_->close();
}

// Whether the connection may be used. Until then it is as any that has not finished a request: it is evicted first, and
// its time is short.
asio::awaitable<bool> Session::begin_tls() {
    if (!stream_->has_tls()) co_return true;
    stream_->set_deadline(kind_ == Kind::spare ? kSpareTimeout : edge_.config.handshake_timeout);
    waiting_ = true;
    const Io io = co_await stream_->handshake();
    waiting_ = false;
    if (io != Io::done) meter_.record_refusal(tls_handshake_failed);
    if (io == Io::plain) co_await refuse_plain();
    co_return io == Io::done && !evicted_;
}

// The request is not read: whoever sent it in the clear is told so, and nothing else.
asio::awaitable<void> Session::refuse_plain() {
    const Response response = to_response(
        edge_problem(400, edge_code::malformed_request, "This port speaks TLS: the URL must begin with https://."));
    const std::string head = wire_head(response, edge_.ids.next().to_string(), edge_.clock.wall_now(), KeptOpen());
    stream_->set_deadline(kLinger);
    if (co_await stream_->write(head, response.body) == Io::done) co_await stream_->linger(kLingerBytesMax);
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
    exchange.request.is_secure = stream_->has_tls();
    place_->begin(Connections::Doing::reading);
    if (kind_ == Kind::spare)
        stream_->set_deadline(kSpareTimeout);
    else
        stream_->set_deadline(edge_.config.request_timeout, edge_.config.request_pace);
    auto stop = co_await reader_.receive(exchange);
    stream_->clear_deadline();
    place_->begin(Connections::Doing::working);
    exchange.complete_at = edge_.clock.steady_now();
    if (stop && !stop->answer) {
        exchange.span.drop();
        co_return false;
    }
    Response response = stop ? *std::move(stop->answer) : co_await handle(exchange);
    exchange.request.drop_body();
    if (response.status == 429) co_await slow_down(exchange.request);
    const bool open = co_await answer(exchange, std::move(response));
    if (open) place_->begin(Connections::Doing::idle);
    co_return open;
}

asio::awaitable<Response> Session::handle(Exchange& exchange) {
    exchange.handled = true;
    if (exchange.route->scope != Scope::open) co_await turns_.next(exchange.request.tenant);
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

// Whoever comes again and again before its limit allows is answered late, so that it costs the others little.
asio::awaitable<void> Session::slow_down(const Request& request) {
    const std::chrono::nanoseconds wait = edge_.admission.refused_again(request);
    if (wait.count() == 0 || edge_.draining) co_return;
    asio::steady_timer timer(co_await asio::this_coro::executor, wait);
    co_await timer.async_wait(asio::use_awaitable);
}

// Whether the connection stays open.
asio::awaitable<bool> Session::answer(Exchange& exchange, Response response) {
    if (!co_await hold_answer(exchange, response)) {
        exchange.failure = "no room for the answer";
        response = lost_answer();
    }
    edge_.browsers.open(exchange.request, response);
    meter_.record(exchange, response, edge_.clock.steady_now());
    end_server_span(edge_.span_attributes, exchange, response);
    const bool close = exchange.close || edge_.draining || evicted_ ||
                       (response.parts && exchange.framing.minor_version == 0);  // which knows no chunks
    const KeptOpen kept_open = close ? KeptOpen() : edge_.config.idle_timeout;
    const std::string head = wire_head(response, exchange.request.request_id, edge_.clock.wall_now(), kept_open);
    const bool bodiless = exchange.request.method == "HEAD" || response.status == 204 || response.status == 304;
    exchange.drop_request();
    stream_->set_deadline(edge_.config.write_timeout, edge_.config.answer_pace);
    Io io = co_await stream_->write(head, bodiless ? std::string_view() : response.body);
    if (io == Io::done && response.parts && !bodiless)
        io = co_await write_parts(exchange.request, *response.parts, !close);
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

// Each part has the time that an answer has. A key that is revoked meanwhile gets no further part.
asio::awaitable<Io> Session::write_parts(Request& request, BodyParts& parts, bool chunked) {
    ByteBudget::Share& memory = request.answer_memory;
    while (!edge_.draining && !evicted_) {
        stream_->clear_deadline();
        place_->begin(Connections::Doing::working);
        const std::string part = co_await parts.next(memory);
        if (part.empty() || !edge_.keys.still_admit(request.key)) break;
        const Io io = co_await write_part(memory, part, chunked);
        memory.release();
        if (io != Io::done) co_return io;
    }
    stream_->set_deadline(edge_.config.write_timeout, edge_.config.answer_pace);
    co_return chunked ? co_await stream_->write("0\r\n\r\n", {}) : Io::done;
}

asio::awaitable<Io> Session::write_part(ByteBudget::Share& memory, const std::string& part, bool chunked) {
    place_->begin(Connections::Doing::writing);
    place_->hold(memory.bytes());
    stream_->set_deadline(edge_.config.write_timeout, edge_.config.answer_pace);
    const Io io = co_await stream_->write(chunked ? fmt::format("{:x}\r\n", part.size()) : std::string(), part);
    if (!chunked || io != Io::done) co_return io;
    co_return co_await stream_->write("\r\n", {});
}

asio::awaitable<void> Session::finish() {
    stream_->set_deadline(kLinger);
    co_await stream_->linger(kLingerBytesMax);
}

}  // namespace ledgerline::http
