#include "api/event_feed.h"

#include <utility>

namespace ledgerline::api {
namespace {

using boost::asio::awaitable;

// How many windows a call that does not wait looks through for outcomes that match.
constexpr int kWindowsMax = 5;

EventFeed::Told told(feed::FeedWindow window) {
    return {std::move(window.outcomes), window.position, window.more, false};
}

}  // namespace

awaitable<Result<feed::FeedPosition>> EventFeed::latest(const TraceContext& trace) {
    co_return co_await database_.run(trace, [](db::Connection& connection) { return feed::read_ends(connection); });
}

awaitable<Result<EventFeed::Told>> EventFeed::read(const TraceContext& trace, feed::FeedPosition from,
                                                   feed::FeedFilter filter, std::size_t rows_max) {
    feed::FeedWindow window{.outcomes = {}, .position = from, .more = true};
    for (int looks = 0; looks < kWindowsMax && window.outcomes.empty() && window.more; ++looks) {
        auto next = co_await database_.run(trace, [&, from = window.position](db::Connection& connection) {
            return feed::read_window(connection, from, filter, {.rows_max = rows_max});
        });
        if (!next) co_return std::unexpected(std::move(next).error());
        window = *std::move(next);
    }
    co_return told(std::move(window));
}

awaitable<Result<EventFeed::Told>> EventFeed::wait(const TraceContext& trace, feed::FeedPosition from,
                                                   feed::FeedFilter filter, std::size_t rows_max, SteadyTime deadline) {
    Told last{.outcomes = {}, .position = from, .more = false, .closed = false};
    while (true) {
        feed::Tailed tailed = co_await tail_.next(last.position, filter, rows_max, deadline);
        last.position = tailed.position;
        last.closed = tailed.kind == feed::Tailed::Kind::closed;
        last.outcomes = std::move(tailed.outcomes);
        if (tailed.kind != feed::Tailed::Kind::behind) co_return last;
        auto read = co_await this->read(trace, last.position, filter, rows_max);
        if (!read) co_return std::unexpected(std::move(read).error());
        last = *std::move(read);
        if (!last.outcomes.empty() || clock_.steady_now() >= deadline) co_return last;
    }
}

}  // namespace ledgerline::api
