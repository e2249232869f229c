// TcpConnection: one blocking TCP connection with a deadline on every call. The client is built on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::http {

// Not thread-safe. Errors have Disposition::retry and the code "io"; deadlines are on the steady clock.
class TcpConnection {
public:
    TcpConnection() = default;
    ~TcpConnection() { close(); }
    TcpConnection(TcpConnection&& other) noexcept;
    TcpConnection& operator=(TcpConnection&& other) noexcept;

    // Tries the host's addresses in the resolver's order, each for its share of the remaining time.
    static Result<TcpConnection> connect(const std::string& host, std::uint16_t port, SteadyTime deadline);

    bool is_open() const { return socket_ >= 0; }
    // Sends until the server begins to answer; returns the number of bytes sent. An error means that nothing was sent
    // at all; a failure or the deadline in between ends the sending early, and the next receive() reports why.
    Result<std::size_t> send(std::string_view data, SteadyTime deadline);
    // Up to capacity bytes, at least one; 0 at the end.
    Result<std::size_t> receive(char* data, std::size_t capacity, SteadyTime deadline);
    void close();

private:
    static Result<TcpConnection> connect_numeric(const std::string& numeric, std::uint16_t port, SteadyTime end);
    explicit TcpConnection(int socket) : socket_(socket) {}
    int socket_ = -1;
};

}  // namespace ledgerline::http
