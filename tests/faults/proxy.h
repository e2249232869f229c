// Proxy: stands between a role and PostgreSQL, and cuts commits where the test says.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "lab/tcp_proxy.h"

namespace ledgerline::test {

class Proxy {
public:
    // Connects to that port of the loopback address.
    explicit Proxy(std::uint16_t target_port);

    std::uint16_t port() const { return proxy_.port(); }

    // The next so many commits reach the server, but their answers reach nobody: both ends are closed, as soon as the
    // server has answered.
    void cut_commits(int count) { cuts_left_ = count; }
    // Commits cut so far.
    int commits_cut() const { return commits_cut_; }
    void cut_all() { proxy_.cut_all(); }
    void black_hole(bool on) { proxy_.black_hole(on); }

private:
    class CommitCutter;

    std::atomic<int> cuts_left_ = 0;
    std::atomic<int> commits_cut_ = 0;
    TcpProxy proxy_;  // last: its threads use the others
};

}  // namespace ledgerline::test
