#include "http/stream.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

Stream::Stream(asio::ip::tcp::socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {
    boost::system::error_code ignored;  // a peer that is gone already is noticed by the first read
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

std::string_view Stream::buffered() const {
    return {static_cast<const char*>(buffer_.data().data()), buffer_.data().size()};
}

bool Stream::has_unread() {
    boost::system::error_code error;
    return socket_.available(error) > 0 && !error;
}

void Stream::set_deadline(milliseconds from_now) {
    deadline_ = std::chrono::steady_clock::now() + from_now;
    expired_ = false;
    // A timer that fires too early finds the deadline moved and goes on: most requests never touch the timer.
    if (deadline_ < armed_until_) arm(deadline_);
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
    if (deadline_ == SteadyTime::max()) return;
    if (std::chrono::steady_clock::now() < deadline_) return arm(deadline_);
    deadline_ = SteadyTime::max();
    expired_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

asio::awaitable<Io> Stream::read() {
    if (expired_) co_return Io::timed_out;
    interrupted_ = false;
    const auto [error, bytes] = co_await socket_.async_read_some(buffer_.prepare(read_bytes_max), use_tuple);
    buffer_.commit(bytes);
    if (!error) co_return Io::done;
    if (expired_) co_return Io::timed_out;
    co_return interrupted_ ? Io::interrupted : Io::gone;
}

asio::awaitable<Io> Stream::write(std::string_view head, std::string_view body) {
    if (expired_) co_return Io::timed_out;
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
    const auto [error, bytes] = co_await asio::async_write(socket_, parts, use_tuple);
    if (!error) co_return Io::done;
    co_return expired_ ? Io::timed_out : Io::gone;
}

void Stream::interrupt() {
    interrupted_ = true;
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

asio::awaitable<void> Stream::linger(std::size_t bytes_max) {
    boost::system::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    std::size_t dropped = 0;
    do {
        dropped += buffer_.size();
        buffer_.clear();
    } while (dropped < bytes_max && co_await read() == Io::done);
}

void Stream::close() {
    clear_deadline();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace ledgerline::http
