// Randomness comes in through this seam, so that a simulation can be repeated from its seed.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

namespace ledgerline {

// Safe to use from any thread.
class Random {
public:
    virtual ~Random() = default;
    virtual std::uint64_t next() = 0;
    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
};

// The operating system's generator, through libsodium.
class SystemRandom final : public Random {
public:
    SystemRandom();
    std::uint64_t next() override;
};

// The same numbers for the same seed.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t next() override;

private:
    std::mutex mutex_;
    std::mt19937_64 engine_;
};

}  // namespace ledgerline
