#include "http/shard.h"

#include <pthread.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <vector>

#include "observe/log.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;

// What went wrong in a session, unless it is only the abort.
std::string reason_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted ? "" : error.what();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "unknown exception";
    }
}

}  // namespace

void SessionCount::add() {
    ++count_;
    gauge_.Increment();
}

void SessionCount::remove() {
    gauge_.Decrement();
    if (--count_ > 0) return;
    const std::lock_guard lock(mutex_);
    none_.notify_all();
}

bool SessionCount::wait_until_none(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, at_most, [this] { return count_ == 0; });
}

Shard::Shard(Edge& edge, SessionCount& count)
    : edge_(edge), count_(count), meter_(edge.metrics), context_(1), work_(context_.get_executor()) {}

void Shard::start(unsigned number) {
    thread_ = std::thread([this] { context_.run(); });
    pthread_setname_np(thread_.native_handle(), ("http-" + std::to_string(number)).c_str());
}

void Shard::adopt(asio::ip::tcp::socket socket, bool turn_away) {
    asio::post(context_,
               [this, turn_away, moved = std::move(socket)]() mutable { begin(std::move(moved), turn_away); });
}

void Shard::begin(asio::ip::tcp::socket socket, bool turn_away) {
    const auto session = std::make_shared<Session>(edge_, meter_, std::move(socket));
    sessions_.insert(session);
    asio::co_spawn(
        context_, turn_away ? session->turn_away() : session->run(),
        asio::bind_cancellation_slot(session->abort_slot(),
                                     [this, session](const std::exception_ptr& failure) { end(session, failure); }));
}

void Shard::end(const std::shared_ptr<Session>& session, const std::exception_ptr& failure) {
    if (failure)
        if (const std::string reason = reason_of(failure); !reason.empty())
            log::error("a connection was given up", {{"reason", reason}});
    sessions_.erase(session);
    count_.remove();
}

void Shard::drain() {
    asio::post(context_, [this] {
        for (const auto& session : sessions_) session->drain();
    });
}

void Shard::abort() {
    asio::post(context_, [this] {
        // A copy, because an aborted session may leave the set at once.
        for (const auto& session : std::vector(sessions_.begin(), sessions_.end())) session->abort();
    });
}

void Shard::join() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace ledgerline::http
