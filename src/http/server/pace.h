// Pace: the slowest that bytes may come or go. Each time that so many have moved, there is a new window for as many.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace ledgerline::http {

struct Pace {
    std::size_t bytes = 0;  // 0: any pace will do
    milliseconds window{0};
};

}  // namespace ledgerline::http
