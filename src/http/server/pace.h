// Pace: the slowest rate at which bytes may move. Each time that many bytes have moved, a new window begins.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace ledgerline::http {

struct Pace {
    std::size_t bytes = 0;  // 0: any pace is allowed
    milliseconds window{0};
};

}  // namespace ledgerline::http
