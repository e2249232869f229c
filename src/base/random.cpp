#include "base/random.h"

#include <sodium.h>

#include <array>
#include <utility>

#include "base/result.h"

namespace ledgerline {

std::uint64_t Random::below(std::uint64_t bound) {
    LEDGERLINE_ASSERT(bound > 0);
    // Numbers below the threshold would make the low remainders more likely.
    const std::uint64_t threshold = (0 - bound) % bound;
    std::uint64_t number = next();
    while (number < threshold) number = next();
    return number % bound;
}

SystemRandom::SystemRandom() { LEDGERLINE_ASSERT(sodium_init() >= 0); }

std::uint64_t SystemRandom::next() {
    // Drawn many at once, since each draw is a system call. None is kept once it was given.
    thread_local std::array<std::uint64_t, 64> drawn;
    thread_local std::size_t left = 0;
    if (left == 0) {
        randombytes_buf(drawn.data(), sizeof drawn);
        left = drawn.size();
    }
    return std::exchange(drawn[--left], 0);
}

std::uint64_t SeededRandom::next() {
    std::lock_guard lock(mutex_);
    return engine_();
}

}  // namespace ledgerline
