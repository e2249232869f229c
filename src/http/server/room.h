// Room in a listener's byte budgets, for coroutines that run on its threads.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>

#include "base/clock.h"
#include "http/message.h"
#include "http/server/byte_budget.h"

namespace ledgerline::http {

// How long room is waited for. Long enough for slow clients to be thrown out and for requests under way to end.
inline constexpr milliseconds room_wait_max{1000};

// Resizes the share, waiting until there is room. False when none was found in room_wait_max, or when too many wait
// already: the share is then as it was, and the answer is no_room(). To be asked before the memory is used: for what a
// handler makes of a body, request.memory; for an answer, request.answer_memory. The wait ends without room as soon as
// given_up says yes; null: never.
boost::asio::awaitable<bool> take_room(ByteBudget::Share& share, std::size_t bytes,
                                       std::function<bool()> given_up = {});

// 503 "overloaded" with Retry-After. Nothing has been done yet.
Response no_room();

}  // namespace ledgerline::http
