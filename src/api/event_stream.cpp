#include "api/event_stream.h"

#include <algorithm>
#include <utility>

#include "http/server/room.h"

namespace ledgerline::api {
namespace {

// How soon a client connects again.
constexpr std::string_view kPreamble = "retry: 1000\n\n";

}  // namespace

EventStream::EventStream(EventFeed& feed, EventStreamConfig config, Begin begin, prometheus::Counter& told)
    : feed_(feed),
      config_(config),
      filter_(begin.filter),
      last_(std::move(begin.first)),
      seat_(std::move(begin.seat)),
      trace_(begin.trace),
      ends_at_(feed.clock().steady_now() + config.lasts),
      told_(told) {}

boost::asio::awaitable<std::string> EventStream::next(http::ByteBudget::Share& memory) {
    if (std::exchange(begun_, true)) {
        const SteadyTime now = feed_.clock().steady_now();
        if (now >= ends_at_) co_return "";
        const SteadyTime deadline = std::min(now + config_.heartbeat, ends_at_);
        auto told = last_.more ? co_await feed_.read(trace_, last_.position, filter_, config_.rows_max)
                               : co_await feed_.wait(trace_, last_.position, filter_, config_.rows_max, deadline);
        if (!told || told->closed) co_return "";
        last_ = *std::move(told);
        co_return co_await part(memory, {});
    }
    co_return co_await part(memory, kPreamble);
}

// What was told last, after the preamble. Empty when there is no room for it.
boost::asio::awaitable<std::string> EventStream::part(http::ByteBudget::Share& memory, std::string_view preamble) {
    std::string text(preamble);
    for (const auto& outcome : last_.outcomes) {
        text += "event: ";
        text += feed::name_of(outcome->type);
        text += "\ndata: ";
        append_json(*outcome, text);
        text += outcome == last_.outcomes.back() ? "\nid: " + last_.position.cursor() + "\n\n" : "\n\n";
    }
    if (last_.outcomes.empty()) text += ":\nid: " + last_.position.cursor() + "\n\n";
    told_.Increment(static_cast<double>(last_.outcomes.size()));
    last_.outcomes.clear();
    if (!co_await http::take_room(memory, text.capacity())) co_return "";
    co_return text;
}

}  // namespace ledgerline::api
