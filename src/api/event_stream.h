// EventStream: outcomes as Server-Sent Events, until the client, the server or the stream's time ends it.
//
// Every part that is sent ends with the cursor after it as the id, which the client gives back as Last-Event-ID. So a
// client that loses its connection gets some outcomes again and misses none.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "api/event_feed.h"
#include "http/body_parts.h"
#include "observe/metrics.h"

namespace ledgerline::api {

struct EventStreamConfig {
    std::size_t rows_max = 1'000;  // of one part
    milliseconds heartbeat{15'000};
    // The client then connects again, as it would after any loss, and its key is checked again.
    milliseconds lasts{3'600'000};
};

class EventStream final : public http::BodyParts {
public:
    struct Begin {
        feed::FeedFilter filter;
        EventFeed::Told first;  // what was read already
        feed::FeedTail::Seat seat;
        TraceContext trace;
    };
    // The feed and the counter must outlive it.
    EventStream(EventFeed& feed, EventStreamConfig config, Begin begin, prometheus::Counter& told);

    boost::asio::awaitable<std::string> next(http::ByteBudget::Share& memory) override;

private:
    boost::asio::awaitable<std::string> part(http::ByteBudget::Share& memory, std::string_view preamble);

    EventFeed& feed_;
    const EventStreamConfig config_;
    const feed::FeedFilter filter_;
    EventFeed::Told last_;
    const feed::FeedTail::Seat seat_;
    const TraceContext trace_;
    const SteadyTime ends_at_;
    prometheus::Counter& told_;
    bool begun_ = false;
};

}  // namespace ledgerline::api
