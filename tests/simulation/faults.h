// Faults: when the simulation's seams misbehave, drawn from its seed.
#pragma once

#include <functional>

#include "base/random.h"
#include "base/result.h"

namespace ledgerline::test {

class Faults {
public:
    explicit Faults(Random& random) : random_(random) {}

    // Whether a fault of that likelihood happens now. Never once the world is healed.
    bool happen(unsigned per_mille) { return active_ && random_.below(1000) < per_mille; }
    void heal() { active_ = false; }

    Random& random() { return random_; }

    // Something else runs in the middle of a call: another process goes on while this one is held up. Not reentrant.
    std::function<void()> interleave = [] {};
    void maybe_interleave(unsigned per_mille) {
        if (interleaving_ || !happen(per_mille)) return;
        interleaving_ = true;
        interleave();
        interleaving_ = false;
    }

    // How a database fails that is away or busy.
    Error outage() {
        static constexpr const char* kCodes[] = {"08006", "57014", "40P01", "55P03", "57P01"};
        return {Disposition::retry, kCodes[random_.below(std::size(kCodes))], "simulated outage"};
    }

    // Another server takes over, which may have less. Every session to the one before is lost.
    void fail_over() { ++servers_; }
    int servers() const { return servers_; }

private:
    Random& random_;
    int servers_ = 0;
    bool active_ = true;
    bool interleaving_ = false;
};

}  // namespace ledgerline::test
