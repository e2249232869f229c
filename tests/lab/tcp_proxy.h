// TcpProxy: stands before a server on a port of the loopback address and passes on what both ends send: all of it,
// late, or what a filter makes of it.
//
// Thread-safe; each connection has a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"

namespace ledgerline::test {

class TcpProxy {
public:
    // What becomes of what one end has sent.
    struct Passed {
        std::string bytes;   // goes to the other end
        bool close = false;  // then both ends are closed
    };
    // Of one connection; called on its thread.
    class Filter {
    public:
        virtual ~Filter() = default;
        virtual Passed from_client(std::string_view bytes) { return {std::string(bytes)}; }
        virtual Passed from_server(std::string_view bytes) { return {std::string(bytes)}; }
    };
    using Connect = std::function<int()>;  // a socket that is connected to the server; -1: there is none
    using MakeFilter = std::function<std::unique_ptr<Filter>()>;

    explicit TcpProxy(Connect connect, MakeFilter make_filter = [] { return std::make_unique<Filter>(); });
    TcpProxy(const TcpProxy&) = delete;
    ~TcpProxy();

    // To a port of the loopback address.
    static Connect to_port(std::uint16_t port);
    static Connect to_socket(const std::string& path);

    std::uint16_t port() const { return port_; }
    // What the server sends from now on arrives so much later.
    void delay_answers(milliseconds delay) { delay_ = delay; }
    // Closes all connections at this moment.
    void cut_all() { ++cut_generation_; }
    // While it holds, nothing is passed on either way and no connection is closed.
    void black_hole(bool on) { swallowing_ = on; }

private:
    class Connection;
    void accept_all();

    const Connect connect_;
    const MakeFilter make_filter_;
    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::atomic<milliseconds> delay_ = milliseconds(0);
    std::atomic<int> cut_generation_ = 0;
    std::atomic<bool> swallowing_ = false;
    std::atomic<bool> stopping_ = false;
    std::list<std::jthread> connections_;  // of the accepting thread
    std::jthread acceptor_;
};

}  // namespace ledgerline::test
