#include "http/server/stream.h"

#include <netinet/tcp.h>
#include <sodium.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/text.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// How much an empty buffer may keep.
constexpr std::size_t kEmptyBufferBytesMax = 1024;
// How many reads one connection gets before the others on its thread have their turn.
constexpr unsigned kReadsInARowMax = 4;
constexpr std::size_t kWriteBytesMax = 64 * 1024;
constexpr std::size_t kRecordBytesMax = 16 * 1024;  // of TLS
// How much of an answer the kernel may hold beyond what is on its way to the peer: otherwise it would take megabytes at
// once, and the pace at which they are read could not be observed.
constexpr int kUnsentBytesMax = 128 * 1024;

}  // namespace

Stream::Stream(asio::ip::tcp::socket socket, std::shared_ptr<const TlsContext> tls, std::function<void()> on_progress)
    : socket_(std::move(socket)),
      tls_context_(std::move(tls)),
      timer_(socket_.get_executor()),
      on_progress_(std::move(on_progress)) {
    boost::system::error_code ignored;  // the first read notices a peer that is already gone
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>(kUnsentBytesMax), ignored);
    socket_.non_blocking(true, ignored);
    if (const auto from = socket_.remote_endpoint(ignored); !ignored) peer_ = from.address().to_string();
    if (tls_context_) tls_.emplace(*tls_context_, socket_.native_handle());
}

void Stream::consume(std::size_t bytes) {
    sodium_memzero(buffer_.data(), bytes);  // it may hold a key, as any that was read
    buffer_.erase(0, bytes);
    if (buffer_.empty() && buffer_.capacity() > kEmptyBufferBytesMax) std::string().swap(buffer_);
}

bool Stream::has_unread() {
    boost::system::error_code error;
    return (tls_ && tls_->has_unread()) || (socket_.available(error) > 0 && !error);
}

void Stream::set_deadline(milliseconds from_now, Pace pace) {
    deadline_ = std::chrono::steady_clock::now() + from_now;
    pace_ = pace;
    expired_ = false;
    begin_window();
    // A timer that fires too early finds the deadline moved and continues: most requests never touch the timer.
    if (due() < armed_until_) arm(due());
}

void Stream::clear_deadline() {
    deadline_ = window_end_ = SteadyTime::max();
    pace_ = {};
}

void Stream::begin_window() {
    window_bytes_ = 0;
    window_end_ = pace_.bytes > 0 ? std::chrono::steady_clock::now() + pace_.window : SteadyTime::max();
}

void Stream::moved(std::size_t bytes) {
    if (pace_.bytes == 0) return;
    window_bytes_ += bytes;
    if (window_bytes_ < pace_.bytes) return;
    begin_window();
    on_progress_();
}

void Stream::arm(SteadyTime at) {
    armed_until_ = at;
    timer_.expires_at(at);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (error) return;
        if (const auto self = weak.lock()) self->on_timer();
    });
}

void Stream::on_timer() {
    armed_until_ = SteadyTime::max();
    if (due() == SteadyTime::max()) return;
    if (std::chrono::steady_clock::now() < due()) return arm(due());
    clear_deadline();
    expired_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

Stream::Step Stream::step_of(const boost::system::error_code& error, Step wait) {
    if (!error) return Step::moved;
    return error == asio::error::would_block || error == asio::error::interrupted ? wait : Step::gone;
}

// Through a block on the stack, so that the buffer takes no more than has arrived.
Stream::Step Stream::read_some(std::size_t& bytes) {
    std::array<char, read_bytes_max> block;
    boost::system::error_code error;
    Step step = Step::gone;
    if (tls_) {
        step = tls_->read(block, bytes);
    } else {
        bytes = socket_.read_some(asio::buffer(block), error);
        step = step_of(error, Step::wait_read);
    }
    buffer_.append(block.data(), bytes);
    sodium_memzero(block.data(), bytes);
    return step;
}

// With TLS, what fits into one record goes in one: a small answer then takes one packet.
Stream::Step Stream::write_some(std::string_view head, std::string_view body, std::size_t& bytes) {
    if (tls_) {
        if (head.empty()) return tls_->write(body, bytes);
        std::string record(head.substr(0, kRecordBytesMax));
        record += body.substr(0, kRecordBytesMax - record.size());
        return tls_->write(record, bytes);
    }
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body.substr(0, kWriteBytesMax))};
    boost::system::error_code error;
    bytes = socket_.write_some(parts, error);
    return step_of(error, Step::wait_write);
}

// Waits for what a step needs. Io::done: it may be tried again.
asio::awaitable<Io> Stream::wait_until_ready(Step step) {
    if (step == Step::gone) co_return Io::gone;
    const auto wait = step == Step::wait_read ? asio::ip::tcp::socket::wait_read : asio::ip::tcp::socket::wait_write;
    const auto [failed] = co_await socket_.async_wait(wait, use_tuple);
    if (!failed) co_return Io::done;
    if (expired_) co_return Io::timed_out;
    co_return interrupted_ ? Io::interrupted : Io::gone;
}

// What the first byte says: no record of TLS begins with a letter, as methods do. OpenSSL is not asked before it is
// there, or it would read what comes between the look and its own.
Stream::Opening Stream::look_at_opening() {
    if (first_seen_) return Opening::tls;
    char first = 0;
    const ssize_t bytes = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return Opening::none;
    first_seen_ = true;
    return bytes == 1 && is_letter(first) ? Opening::plain : Opening::tls;
}

asio::awaitable<Io> Stream::handshake() {
    interrupted_ = false;
    while (tls_) {
        if (expired_) co_return Io::timed_out;
        const Opening opening = look_at_opening();
        if (opening == Opening::plain) {
            tls_.reset();
            co_return Io::plain;
        }
        const Step step = opening == Opening::none ? Step::wait_read : tls_->handshake();
        if (step == Step::moved) {
            client_key_ = tls_->client_key();
            break;
        }
        if (const Io io = co_await wait_until_ready(step); io != Io::done) co_return io;
    }
    co_return Io::done;
}

asio::awaitable<Io> Stream::read() {
    interrupted_ = false;
    if (reads_in_a_row_ == kReadsInARowMax) {
        reads_in_a_row_ = 0;
        co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    }
    while (true) {
        if (expired_) co_return Io::timed_out;
        std::size_t bytes = 0;
        const Step step = read_some(bytes);
        if (step == Step::moved) {
            ++reads_in_a_row_;
            moved(bytes);
            co_return Io::done;
        }
        if (step == Step::gone) co_return Io::gone;
        reads_in_a_row_ = 0;
        if (interrupted_) co_return Io::interrupted;
        if (const Io io = co_await wait_until_ready(step); io != Io::done) co_return io;
    }
}

asio::awaitable<Io> Stream::write(std::string_view head, std::string_view body) {
    while (!head.empty() || !body.empty()) {
        if (expired_) co_return Io::timed_out;
        std::size_t bytes = 0;
        const Step step = write_some(head, body, bytes);
        if (step != Step::moved) {
            if (const Io io = co_await wait_until_ready(step); io != Io::done)
                co_return io == Io::timed_out ? io : Io::gone;
            continue;
        }
        const std::size_t of_head = std::min(bytes, head.size());
        head.remove_prefix(of_head);
        body.remove_prefix(bytes - of_head);
        moved(bytes);
    }
    co_return Io::done;
}

void Stream::interrupt() {
    interrupted_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

asio::awaitable<void> Stream::linger(std::size_t bytes_max) {
    boost::system::error_code ignored;
    if (tls_) tls_->finish();
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    std::size_t dropped = 0;
    do {
        dropped += buffer_.size();
        std::string().swap(buffer_);
    } while (dropped < bytes_max && co_await read() == Io::done);
}

void Stream::close() {
    clear_deadline();
    if (tls_ && socket_.is_open()) tls_->finish();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace ledgerline::http
