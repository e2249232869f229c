#include "base/random.h"

#include <sodium.h>

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
    std::uint64_t number = 0;
    randombytes_buf(&number, sizeof number);
    return number;
}

std::uint64_t SeededRandom::next() {
    std::lock_guard lock(mutex_);
    return engine_();
}

}  // namespace ledgerline
