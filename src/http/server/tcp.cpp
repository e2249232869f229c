#include "http/server/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "base/resolve.h"

namespace ledgerline::http {
namespace {

std::unexpected<Error> io_failure(std::string message) { return failure(Disposition::retry, "io", std::move(message)); }
std::unexpected<Error> io_failure(int error) { return io_failure(std::generic_category().message(error)); }

// The events that occurred; an error when the deadline passes first.
Result<short> wait(int socket, short events, SteadyTime deadline) {
    while (true) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return io_failure("timed out");
        pollfd entry{socket, events, 0};
        const int ready = poll(&entry, 1, static_cast<int>(left.count()));
        if (ready > 0) return entry.revents;
        if (ready == 0) return io_failure("timed out");
        if (errno != EINTR) return io_failure(errno);
    }
}

Result<void> connect_to(int socket, const addrinfo& address, SteadyTime deadline) {
    if (::connect(socket, address.ai_addr, address.ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS) return io_failure(errno);
    LEDGERLINE_CHECK(wait(socket, POLLOUT, deadline));
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return io_failure(error);
    return {};
}

}  // namespace

TcpConnection::TcpConnection(TcpConnection&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

TcpConnection& TcpConnection::operator=(TcpConnection&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
}

Result<TcpConnection> TcpConnection::connect(const std::string& host, std::uint16_t port, SteadyTime deadline) {
    const auto addresses = resolve(host, deadline);
    if (!addresses) return io_failure(addresses.error().message);
    Result<TcpConnection> last = io_failure("no address");
    for (std::size_t i = 0; i < addresses->size() && !last; ++i) {
        const SteadyTime now = std::chrono::steady_clock::now();
        const auto share = (deadline - now) / static_cast<std::int64_t>(addresses->size() - i);
        last = connect_numeric((*addresses)[i], port, now + share);
    }
    return last;
}

Result<TcpConnection> TcpConnection::connect_numeric(const std::string& numeric, std::uint16_t port, SteadyTime end) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(numeric.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
        return io_failure(gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address(found, &freeaddrinfo);
    TcpConnection connection(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!connection.is_open()) return io_failure(errno);
    LEDGERLINE_CHECK(connect_to(connection.socket_, *address, end));
    const int on = 1;
    setsockopt(connection.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connection;
}

Result<std::size_t> TcpConnection::send(std::string_view data, SteadyTime deadline) {
    std::size_t sent = 0;
    while (sent < data.size()) {
        const Result<short> events = wait(socket_, POLLIN | POLLOUT, deadline);
        if (!events) return sent > 0 ? Result<std::size_t>(sent) : std::unexpected(events.error());
        // An answer before the request is complete is a refusal: the rest need not be sent.
        if (*events & POLLIN) return sent;
        const ssize_t taken = ::send(socket_, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
        if (taken >= 0)
            sent += static_cast<std::size_t>(taken);
        else if (errno != EAGAIN && errno != EINTR)
            return sent > 0 ? Result<std::size_t>(sent) : io_failure(errno);
    }
    return sent;
}

Result<std::size_t> TcpConnection::receive(char* data, std::size_t capacity, SteadyTime deadline) {
    while (true) {
        LEDGERLINE_CHECK(wait(socket_, POLLIN, deadline));
        const ssize_t taken = ::recv(socket_, data, capacity, 0);
        if (taken >= 0) return static_cast<std::size_t>(taken);
        if (errno != EAGAIN && errno != EINTR) return io_failure(errno);
    }
}

void TcpConnection::close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

}  // namespace ledgerline::http
