// Stream: one accepted TCP connection, plain or with TLS, what was read ahead from it, and the time that it may take.
//
// Everything runs on the connection's own single-threaded executor. A shared_ptr owns it, because the deadline's timer
// may fire while the connection is being torn down. A connection that waits holds no buffer.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/server/pace.h"
#include "http/server/tls.h"

namespace ledgerline::http {

// How a read or a write ended.
enum class Io {
    done,
    timed_out,    // the deadline passed, or the peer was too slow; the connection can still be written to
    interrupted,  // by interrupt()
    gone,         // the peer closed or reset the connection
    plain,        // the peer speaks HTTP where TLS is spoken; from now on so does this side
};

class Stream : public std::enable_shared_from_this<Stream> {
public:
    static constexpr std::size_t read_bytes_max = 16 * 1024;  // read ahead at once

    // on_progress: called whenever as many bytes have moved as the pace asks for. tls: null for a plain
    // connection.
    Stream(boost::asio::ip::tcp::socket socket, std::shared_ptr<const TlsContext> tls,
           std::function<void()> on_progress);

    bool has_tls() const { return tls_.has_value(); }
    // Must come before anything else when it has TLS; done at once otherwise. Io::plain for a peer without TLS, which
    // can be told so.
    boost::asio::awaitable<Io> handshake();

    // What was read and not yet consumed. Valid until the next read or consume().
    std::string_view buffered() const { return buffer_; }
    void consume(std::size_t bytes);
    // How much memory the buffer takes.
    std::size_t weight() const { return buffer_.capacity(); }
    // The peer's address; "" when it was gone from the beginning.
    const std::string& peer() const { return peer_; }
    // As TlsSession::client_key(); "" for a plain connection.
    const std::string& client_key() const { return client_key_; }
    // Whether the peer has sent something that has not been read yet.
    bool has_unread();

    // Bounds everything that follows, until it is set again or cleared.
    void set_deadline(milliseconds from_now, Pace pace = {});
    void clear_deadline();

    // Adds at least one byte to buffered().
    boost::asio::awaitable<Io> read();
    // Writes both parts completely.
    boost::asio::awaitable<Io> write(std::string_view head, std::string_view body);
    // Ends the current read with Io::interrupted.
    void interrupt();

    // Shuts down sending, then drops what the peer still sends until it closes, too, or deadline or bytes_max is
    // reached. Closing a socket with unread data would reset the connection, and the peer might never see the last
    // answer.
    boost::asio::awaitable<void> linger(std::size_t bytes_max);
    bool is_open() const { return socket_.is_open(); }
    void close();

private:
    SteadyTime due() const { return std::min(deadline_, window_end_); }
    void begin_window();
    void moved(std::size_t bytes);
    void arm(SteadyTime at);
    void on_timer();
    using Step = TlsSession::Step;
    static Step step_of(const boost::system::error_code& error, Step wait);
    enum class Opening { none, plain, tls };
    Opening look_at_opening();
    Step read_some(std::size_t& bytes);
    Step write_some(std::string_view head, std::string_view body, std::size_t& bytes);
    boost::asio::awaitable<Io> wait_until_ready(Step step);

    boost::asio::ip::tcp::socket socket_;
    std::string peer_, client_key_;
    const std::shared_ptr<const TlsContext> tls_context_;
    std::optional<TlsSession> tls_;
    std::string buffer_;
    boost::asio::steady_timer timer_;
    const std::function<void()> on_progress_;
    SteadyTime deadline_ = SteadyTime::max();
    Pace pace_;
    SteadyTime window_end_ = SteadyTime::max();
    std::size_t window_bytes_ = 0;                // moved within it
    SteadyTime armed_until_ = SteadyTime::max();  // max: the timer is not running
    unsigned reads_in_a_row_ = 0;                 // without yielding to other connections
    bool first_seen_ = false;                     // the first byte of a peer that should speak TLS
    bool expired_ = false;
    bool interrupted_ = false;
};

}  // namespace ledgerline::http
