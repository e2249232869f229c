// What a call of GET /v1/events asks for.
#pragma once

#include <expected>
#include <optional>

#include "base/clock.h"
#include "feed/outcome.h"
#include "http/message.h"
#include "http/problem.h"

namespace ledgerline::api {

struct EventRequest {
    std::optional<feed::FeedPosition> from;  // empty: from now on
    std::string from_field = "after";        // where from was named
    feed::FeedFilter filter;
    std::size_t limit = 0;
    std::chrono::seconds wait{0};
    bool as_stream = false;  // Server-Sent Events

    static std::expected<EventRequest, http::Problem> parse(const http::Request& request);
};

}  // namespace ledgerline::api
