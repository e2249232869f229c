#include "http/server/shard.h"

#include <pthread.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <vector>

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

void note(Edge& edge, const std::exception_ptr& failure) {
    if (const std::string reason = reason_of(failure); !reason.empty()) edge.note_thrown(reason.c_str());
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

Shard::Shard(Edge& edge, std::string name)
    : edge_(edge),
      name_(std::move(name)),
      meter_(edge.metrics, edge.config.log_payments),
      context_(1),
      work_(context_.get_executor()),
      turns_(context_),
      evict_([this](const std::weak_ptr<Connections::Place>& place, Eviction reason) {
          asio::post(context_, [place, reason] {
              if (const auto alive = place.lock()) alive->on_evict(reason);
          });
      }) {}

void Shard::start() {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), name_.c_str());
}

// An exception from a handler of the loop, such as out of memory for a connection's first frame, ends only that
// connection.
void Shard::run() {
    while (true) {
        try {
            context_.run();
            return;
        } catch (...) {
            note(edge_, std::current_exception());
        }
    }
}

void Shard::adopt(asio::ip::tcp::socket socket, SessionCount::One counted, Session::Kind kind,
                  std::shared_ptr<Connections::Place> place) {
    auto adopted = std::make_shared<Adopted>(*this, std::move(socket), std::move(counted), kind, std::move(place));
    asio::post(context_, [this, adopted = std::move(adopted)] { begin(adopted); });
}

void Shard::begin(const std::shared_ptr<Adopted>& adopted) {
    sessions_.insert(adopted);
    try {
        Session& session = adopted->session;
        asio::co_spawn(
            context_, session.run(),
            asio::bind_cancellation_slot(
                session.abort_slot(), [this, adopted](const std::exception_ptr& failure) { end(adopted, failure); }));
    } catch (...) {
        sessions_.erase(adopted);
        throw;
    }
}

void Shard::end(const std::shared_ptr<Adopted>& adopted, const std::exception_ptr& failure) {
    sessions_.erase(adopted);
    if (failure) note(edge_, failure);
}

void Shard::drain() {
    asio::post(context_, [this] {
        for (const auto& adopted : sessions_) adopted->session.drain();
    });
}

void Shard::abort() {
    asio::post(context_, [this] {
        // A copy, because an aborted session may leave the set at once.
        for (const auto& adopted : std::vector(sessions_.begin(), sessions_.end())) adopted->session.abort();
    });
}

void Shard::join() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace ledgerline::http
