// Stream: one accepted TCP connection, what was read ahead from it, and the deadline of what it is waiting for.
//
// Everything runs on the connection's own single-threaded executor. It is held by a shared_ptr, because the deadline's
// timer may fire while the connection is being taken down.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <string_view>

#include "base/clock.h"

namespace ledgerline::http {

// How a read or a write ended.
enum class Io {
    done,
    timed_out,    // the deadline passed; the connection can still be written to
    interrupted,  // by interrupt()
    gone,         // the peer closed or reset the connection
};

class Stream : public std::enable_shared_from_this<Stream> {
public:
    static constexpr std::size_t read_bytes_max = 16 * 1024;  // read ahead at once

    explicit Stream(boost::asio::ip::tcp::socket socket);

    // What was read and not yet used up. Valid until the next read or consume().
    std::string_view buffered() const;
    void consume(std::size_t bytes) { buffer_.consume(bytes); }
    // Whether the peer has sent something that was not read yet.
    bool has_unread();

    // Bounds all that follows, until it is set anew or cleared.
    void set_deadline(milliseconds from_now);
    void clear_deadline() { deadline_ = SteadyTime::max(); }

    // Adds at least one byte to buffered().
    boost::asio::awaitable<Io> read();
    // Both parts, whole.
    boost::asio::awaitable<Io> write(std::string_view head, std::string_view body);
    // Ends a read under way with Io::interrupted.
    void interrupt();

    // Says that nothing more will be sent, then drops what the peer still sends until it closes, too, or deadline or
    // bytes_max are reached. A socket closed with unread data would reset the connection, and the peer might never see
    // the last answer.
    boost::asio::awaitable<void> linger(std::size_t bytes_max);
    void close();

private:
    void arm(SteadyTime at);
    void on_timer();

    boost::asio::ip::tcp::socket socket_;
    boost::beast::flat_buffer buffer_;
    boost::asio::steady_timer timer_;
    SteadyTime deadline_ = SteadyTime::max();
    SteadyTime armed_until_ = SteadyTime::max();  // max: the timer is not running
    bool expired_ = false;
    bool interrupted_ = false;
};

}  // namespace ledgerline::http
