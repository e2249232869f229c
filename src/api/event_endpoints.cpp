#include "api/event_endpoints.h"

#include <utility>

#include "api/event_stream.h"
#include "api/problem_code.h"
#include "api/responses.h"
#include "http/rate_limit.h"

namespace ledgerline::api {
namespace {

http::Response refusal(const Error& error, const EventRequest& asked) {
    if (error.code != feed::cursor_ahead) return http::to_response(problem_of(error));
    return http::to_response(
        problem(ProblemCode::invalid_cursor,
                "The cursor is beyond what this ledger has decided: it is of another ledger, or of "
                "this one before it was restored from a backup. Begin again without it.",
                asked.from_field));
}

http::Response no_seat() {
    return http::to_response(
        problem(ProblemCode::overloaded, "Too many clients wait for events. Ask without wait, or try again later."));
}

// One seat for as long as the stream has it.
feed::FeedTail::Seat both(feed::FeedTail::Seat seat, http::Seat of_tenant) {
    return std::make_shared<std::pair<feed::FeedTail::Seat, http::Seat>>(std::move(seat), std::move(of_tenant));
}

}  // namespace

void EventEndpoints::add_routes(http::Router& router) {
    router.add({.method = "GET",
                .pattern = "/v1/events",
                .name = "list_events",
                .handler = [this](http::Request& request) { return list(request); },
                .scope = http::Scope::transactions_read});
}

EventEndpoints::Answer EventEndpoints::list(http::Request& request) {
    auto asked = EventRequest::parse(request);
    if (!asked) co_return http::to_response(asked.error());
    const bool waits = asked->as_stream || asked->wait.count() > 0;
    const auto use = waits ? keys_.use_of(request.tenant) : nullptr;
    auto of_tenant = http::take_wait_seat(use);
    if (!of_tenant) co_return http::too_many_waiters(use->limits);
    auto seat = waits ? feed_.take_seat() : nullptr;
    if (waits && !seat) co_return no_seat();
    auto told = co_await read(request, *asked);
    if (!told) co_return refusal(told.error(), *asked);
    if (asked->as_stream)
        co_return co_await stream(request, *asked, *std::move(told), both(std::move(seat), *std::move(of_tenant)));
    if (told->outcomes.empty() && !told->more && asked->wait.count() > 0)
        told = co_await feed_.wait(request.trace, told->position, asked->filter, asked->limit,
                                   request.received_at + asked->wait);
    if (!told) co_return refusal(told.error(), *asked);
    co_return co_await page(request, *told);
}

boost::asio::awaitable<Result<EventFeed::Told>> EventEndpoints::read(const http::Request& request,
                                                                     const EventRequest& asked) {
    if (asked.from) co_return co_await feed_.read(request.trace, *asked.from, asked.filter, asked.limit);
    auto latest = co_await feed_.latest(request.trace);
    if (!latest) co_return std::unexpected(std::move(latest).error());
    co_return EventFeed::Told{.outcomes = {}, .position = *latest, .more = false, .closed = false};
}

EventEndpoints::Answer EventEndpoints::stream(http::Request& request, const EventRequest& asked, EventFeed::Told first,
                                              feed::FeedTail::Seat seat) {
    http::Response response;
    response.content_type = "text/event-stream";
    response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    EventStream::Begin begin{
        .filter = asked.filter, .first = std::move(first), .seat = std::move(seat), .trace = request.trace};
    response.parts = std::make_shared<EventStream>(feed_, EventStreamConfig{}, std::move(begin),
                                                   metrics_.feed_outcomes_told("stream"));
    co_return response;
}

EventEndpoints::Answer EventEndpoints::page(http::Request& request, const EventFeed::Told& told) {
    std::string body;
    JsonObject page(body);
    page.begin("events");
    body.push_back('[');
    for (const auto& outcome : told.outcomes) {
        if (body.back() != '[') body.push_back(',');
        append_json(*outcome, body);
    }
    body.push_back(']');
    page.add("next_cursor", told.position.cursor()).add("has_more", told.more).close();
    metrics_.feed_outcomes_told("poll").Increment(static_cast<double>(told.outcomes.size()));
    co_return co_await text_response(request, std::move(body));
}

}  // namespace ledgerline::api
