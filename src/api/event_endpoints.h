// GET /v1/events: told of every outcome, page by page, by long poll, or as a stream.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/event_feed.h"
#include "api/event_request.h"
#include "http/router.h"
#include "http/server/api_keys.h"
#include "observe/process_context.h"

namespace ledgerline::api {

class EventEndpoints {
public:
    // Arguments passed by reference must outlive it.
    EventEndpoints(Database& database, feed::FeedTail& tail, const http::ApiKeys& keys, const ProcessContext& context)
        : feed_(database, tail, context.clock), keys_(keys), metrics_(context.metrics) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    Answer list(http::Request& request);
    boost::asio::awaitable<Result<EventFeed::Told>> read(const http::Request& request, const EventRequest& asked);
    Answer stream(http::Request& request, const EventRequest& asked, EventFeed::Told first, feed::FeedTail::Seat seat);
    Answer page(http::Request& request, const EventFeed::Told& told);

    EventFeed feed_;
    const http::ApiKeys& keys_;
    Metrics& metrics_;
};

}  // namespace ledgerline::api
