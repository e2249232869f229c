// Histogram: counts durations in buckets of at most 1/128 of their value, so a quantile is at most 0.8 % too high.
//
// Not thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace ledgerline::bench {

using std::chrono::nanoseconds;

class Histogram {
public:
    // Less than nothing counts as nothing.
    void record(nanoseconds value);
    std::uint64_t count() const { return count_; }
    nanoseconds max() const { return nanoseconds(max_); }
    // The least value that at least q (0 to 1) of all values are not above, up to its bucket's upper end. 0 when empty.
    nanoseconds quantile(double q) const;

private:
    static constexpr unsigned kFineBits = 7;
    static constexpr std::uint64_t kFine = 1U << kFineBits;
    // Below kFine a bucket holds one value; above, each power of two is divided into kFine buckets.
    static constexpr std::size_t kBuckets = (64 - kFineBits + 1) * kFine;

    static std::size_t bucket_of(std::uint64_t value);
    static std::uint64_t upper_end(std::size_t bucket);

    std::array<std::uint64_t, kBuckets> buckets_{};
    std::uint64_t count_ = 0;
    std::int64_t max_ = 0;
};

}  // namespace ledgerline::bench
