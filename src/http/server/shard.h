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
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "http/server/meter.h"
#include "http/server/session.h"
#include "http/server/turns.h"

namespace ledgerline::http {

// Counts the sessions of all shards. Safe to use from any thread.
class SessionCount {
public:
    // One session, from its construction to its end.
    class One {
    public:
        explicit One(SessionCount& count) : count_(&count) { count.add(); }
        One(One&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
        One& operator=(One&&) = delete;
        ~One() {
            if (count_) count_->remove();
        }

    private:
        SessionCount* count_;
    };

    explicit SessionCount(prometheus::Gauge& gauge) : gauge_(gauge) {}
    std::size_t now() const { return count_; }
    // Whether the count fell to zero within that time.
    bool wait_until_none(milliseconds at_most);

private:
    void add();
    void remove();

    prometheus::Gauge& gauge_;
    std::atomic<std::size_t> count_ = 0;
    std::mutex mutex_;
    std::condition_variable none_;
};

class Shard {
public:
    // edge must outlive it.
    // name: of its thread, at most 15 characters.
    Shard(Edge& edge, std::string name);
    // The thread must have been joined.
    ~Shard() = default;

    boost::asio::io_context& context() { return context_; }
    // Tells one of its sessions to close.
    const Connections::Evict& evict() const { return evict_; }

    // Each may be called from any thread and, except start(), repeatedly.
    void start();
    void adopt(boost::asio::ip::tcp::socket socket, SessionCount::One counted, Session::Kind kind,
               std::shared_ptr<Connections::Place> place);
    void drain();
    void abort();
    // Ends the thread. Anything still suspended stays so until the destructor.
    void join();

private:
    struct Adopted {
        Adopted(Shard& shard, boost::asio::ip::tcp::socket socket, SessionCount::One one, Session::Kind kind,
                std::shared_ptr<Connections::Place> place)
            : counted(std::move(one)),
              session(shard.edge_, shard.meter_, shard.turns_, std::move(socket), kind, std::move(place)) {}
        SessionCount::One counted;
        Session session;
    };
    void run();
    void begin(const std::shared_ptr<Adopted>& adopted);
    void end(const std::shared_ptr<Adopted>& adopted, const std::exception_ptr& failure);

    Edge& edge_;
    const std::string name_;
    Meter meter_;
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    Turns turns_;
    const Connections::Evict evict_;
    std::unordered_set<std::shared_ptr<Adopted>> sessions_;  // touched only by the shard's thread
    std::thread thread_;
};

}  // namespace ledgerline::http
