// How tests wait, and how they end when the lab itself fails.
//
//     EXPECT_TRUE(eventually([&] { return api.get("/readyz").status == 200; }));
//     db::Connection connection = must("test database", db::Connection::open(config));
//
// A test waits for a signal or a manual clock where it can. eventually() is for states of other processes that no
// signal announces: it looks again every few milliseconds.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::test {

// How long a test waits for what has to happen. Only a failing test waits this long.
inline constexpr milliseconds patience{60'000};

// Looks until holds() returns true; false if at_most passes first.
bool eventually(const std::function<bool()>& holds, milliseconds at_most = patience);

// Prints "who: why" on stderr and ends the test program, which cannot go on without its database or broker.
[[noreturn]] void give_up(const std::string& who, const std::string& why);

// eventually(), or gives up.
void await(const std::string& who, const std::string& what, const std::function<bool()>& holds);

// The value of a result; gives up on an error.
template <class T>
T must(const std::string& who, Result<T> result) {
    if (!result) give_up(who, result.error().code + ": " + result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace ledgerline::test
