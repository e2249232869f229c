// Proxy: stands between a role and PostgreSQL, passes every byte on, and cuts where the test says.
//
// Thread-safe; each connection has a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

namespace ledgerline::test {

class Proxy {
public:
    // Listens on a port of the loopback address and connects to another one there.
    explicit Proxy(std::uint16_t target_port);
    Proxy(const Proxy&) = delete;
    ~Proxy();

    std::uint16_t port() const { return port_; }

    // The next so many commits reach the server, but their answers reach nobody: both ends are closed, as soon as the
    // server has answered.
    void cut_commits(int count) { cuts_left_ = count; }
    // Commits cut so far.
    int commits_cut() const { return commits_cut_; }
    // Closes all connections at this moment.
    void cut_all() { ++cut_generation_; }
    // While it holds, nothing is passed on either way and no connection is closed.
    void black_hole(bool on) { swallowing_ = on; }

private:
    void accept_all();
    void pass(int client);

    const std::uint16_t target_port_;
    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::atomic<int> cuts_left_ = 0;
    std::atomic<int> commits_cut_ = 0;
    std::atomic<int> cut_generation_ = 0;
    std::atomic<bool> swallowing_ = false;
    std::atomic<bool> stopping_ = false;
    std::list<std::jthread> connections_;  // of the accepting thread
    std::jthread acceptor_;
};

}  // namespace ledgerline::test
