// Shard: one HTTP thread with its event loop and the sessions that live on it. Sessions never move, so that neither
// they nor their handlers need a strand.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "http/meter.h"
#include "http/session.h"

namespace ledgerline::http {

// Counts the sessions of all shards. Safe to use from any thread.
class SessionCount {
public:
    explicit SessionCount(prometheus::Gauge& gauge) : gauge_(gauge) {}
    void add();
    void remove();
    std::size_t now() const { return count_; }
    // Whether it fell to zero within that time.
    bool wait_until_none(milliseconds at_most);

private:
    prometheus::Gauge& gauge_;
    std::atomic<std::size_t> count_ = 0;
    std::mutex mutex_;
    std::condition_variable none_;
};

class Shard {
public:
    // edge and count must outlive it.
    Shard(Edge& edge, SessionCount& count);
    // The thread must have been joined.
    ~Shard() = default;

    boost::asio::io_context& context() { return context_; }

    // Each may be called from any thread, and repeatedly except for start().
    void start(unsigned number);
    // The session has been added to the count. turn_away: it is only told that there are too many.
    void adopt(boost::asio::ip::tcp::socket socket, bool turn_away);
    void drain();
    void abort();
    // Ends the thread. What is still suspended then stays so until the destructor.
    void join();

private:
    void begin(boost::asio::ip::tcp::socket socket, bool turn_away);
    void end(const std::shared_ptr<Session>& session, const std::exception_ptr& failure);

    Edge& edge_;
    SessionCount& count_;
    Meter meter_;
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::unordered_set<std::shared_ptr<Session>> sessions_;  // touched by the shard's thread only
    std::thread thread_;
};

}  // namespace ledgerline::http
