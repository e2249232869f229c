// Room in a listener's byte budgets, for coroutines that run on its threads.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"
#include "http/server/byte_budget.h"

namespace ledgerline::http {

// How long to wait for room. Long enough for slow clients to be evicted and for current requests to end.
inline constexpr milliseconds room_wait_max{1000};

// Resizes the share, waiting until there is room. False when none was found within room_wait_max, or when too many wait
// already: the share is then unchanged, and the answer is no_room(). Call it before the memory is used: with
// request.memory for what a handler makes from a body, with request.answer_memory for an answer. The wait ends without
// room as soon as given_up returns true; null: never.
boost::asio::awaitable<bool> take_room(ByteBudget::Share& share, std::size_t bytes,
                                       std::function<bool()> given_up = {});

// 503 with that code and Retry-After.
Response busy(std::string_view code, std::string_view detail);
// Busy with "overloaded". Nothing has been done yet.
Response no_room();

}  // namespace ledgerline::http
