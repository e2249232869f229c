// Turns: whose request an HTTP thread works on next. The tenants whose requests have arrived take turns, and between
// two turns the thread looks for what else has arrived: whoever sends little waits for one request of whoever sends
// much, not for all of them.
//
//     co_await turns.next(request.tenant);
//     ...  // until it waits for something, the thread is its own
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <map>

namespace ledgerline::http {

// Of one thread, which runs the context; used on that thread only. What still waits when it is destroyed is destroyed
// with it.
class Turns {
public:
    explicit Turns(boost::asio::io_context& context) : context_(context) {}

    // Returns at the tenant's next turn: at once when nobody has had one since the thread last looked. The requests of
    // a tenant have theirs in the order in which they came.
    boost::asio::awaitable<void> next(int tenant);

private:
    using Waiting = boost::asio::any_completion_handler<void()>;

    void look_first();
    void give();

    boost::asio::io_context& context_;
    std::map<int, std::deque<Waiting>> lines_;  // by tenant; none is empty
    std::deque<int> order_;                     // of the tenants that wait
    bool looking_ = false;                      // give() will be called after the thread has looked
};

}  // namespace ledgerline::http
