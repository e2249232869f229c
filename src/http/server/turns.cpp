#include "http/server/turns.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace ledgerline::http {

namespace asio = boost::asio;

asio::awaitable<void> Turns::next(int tenant) {
    if (!looking_) {
        look_first();
        co_return;
    }
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [&](auto handler) {
            std::deque<Waiting>& line = lines_[tenant];
            if (line.empty()) order_.push_back(tenant);
            line.emplace_back(std::move(handler));
        },
        asio::use_awaitable);
}

// What is posted runs after whatever is ready by then.
void Turns::look_first() {
    asio::post(context_, [this] { give(); });
    looking_ = true;
}

void Turns::give() {
    looking_ = false;
    if (order_.empty()) return;
    look_first();
    const int tenant = order_.front();
    order_.pop_front();
    const auto line = lines_.find(tenant);
    Waiting next = std::move(line->second.front());
    line->second.pop_front();
    if (line->second.empty())
        lines_.erase(line);
    else
        order_.push_back(tenant);
    std::move(next)();
}

}  // namespace ledgerline::http
