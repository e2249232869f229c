#include "http/server/room.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/problem.h"

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;

constexpr milliseconds kFirstPause{1};
constexpr milliseconds kPauseMax{20};
constexpr int kRetryAfterSeconds = 1;

class Waiting {
public:
    explicit Waiting(ByteBudget& budget) : budget_(budget), counted_(budget.add_waiting()) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() {
        if (counted_) budget_.remove_waiting();
    }
    bool allowed() const { return counted_; }

private:
    ByteBudget& budget_;
    const bool counted_;
};

}  // namespace

asio::awaitable<bool> take_room(ByteBudget::Share& share, std::size_t bytes, std::function<bool()> given_up) {
    if (share.resize(bytes)) co_return true;
    ByteBudget& budget = *share.budget();
    const Waiting waiting(budget);
    if (!waiting.allowed()) co_return false;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const SteadyTime deadline = std::chrono::steady_clock::now() + room_wait_max;
    milliseconds pause = kFirstPause;
    do {
        budget.relieve(bytes - share.bytes());
        timer.expires_after(pause);
        co_await timer.async_wait(asio::use_awaitable);
        pause = std::min(2 * pause, kPauseMax);
        if (given_up && given_up()) co_return false;
        if (share.resize(bytes)) co_return true;
    } while (std::chrono::steady_clock::now() < deadline);
    co_return false;
}

Response busy(std::string_view code, std::string_view detail) {
    Problem made = edge_problem(503, code, std::string(detail));
    made.retry_after_seconds = kRetryAfterSeconds;
    return to_response(made);
}

Response no_room() {
    return busy(edge_code::overloaded, "The server is overloaded. Nothing was done; try again later.");
}

}  // namespace ledgerline::http
