// EventFeed: gives a client the outcomes after its position: from the database while it is behind, then from the tail.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/database.h"
#include "feed/tail.h"

namespace ledgerline::api {

class EventFeed {
public:
    // Arguments passed by reference must outlive it.
    EventFeed(Database& database, feed::FeedTail& tail, const Clock& clock)
        : database_(database), tail_(tail), clock_(clock) {}

    struct Told {
        std::vector<std::shared_ptr<const feed::Outcome>> outcomes;
        feed::FeedPosition position;  // where to go on
        bool more = false;            // whether more was there already
        bool closed = false;          // this process is stopping
    };

    // Where the lanes end now.
    boost::asio::awaitable<Result<feed::FeedPosition>> latest(const TraceContext& trace);
    // What is there, without waiting: a bounded part of it is looked through.
    boost::asio::awaitable<Result<Told>> read(const TraceContext& trace, feed::FeedPosition from,
                                              feed::FeedFilter filter, std::size_t rows_max);
    // The same, waiting for something until the deadline. The caller has a seat in the tail.
    boost::asio::awaitable<Result<Told>> wait(const TraceContext& trace, feed::FeedPosition from,
                                              feed::FeedFilter filter, std::size_t rows_max, SteadyTime deadline);

    feed::FeedTail::Seat take_seat() { return tail_.take_seat(); }
    const Clock& clock() const { return clock_; }

private:
    Database& database_;
    feed::FeedTail& tail_;
    const Clock& clock_;
};

}  // namespace ledgerline::api
