// Exponential backoff with full jitter: the n-th delay is uniform in [0, min(cap, base * 2^n)], so that clients that
// failed together do not retry together.
#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace ledgerline {

class Backoff {
public:
    struct Limits {
        milliseconds base{50};
        milliseconds cap{5000};
    };

    // random must outlive it.
    Backoff(Limits limits, Random& random) : limits_(limits), random_(&random) {}

    milliseconds next();
    void reset() { failures_ = 0; }
    unsigned failures() const { return failures_; }

private:
    Limits limits_;
    Random* random_;
    unsigned failures_ = 0;
};

}  // namespace ledgerline
