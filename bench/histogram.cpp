#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ledgerline::bench {

std::size_t Histogram::bucket_of(std::uint64_t value) {
    if (value < kFine) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kFineBits - 1;
    return (shift + 1) * kFine + (value >> shift) - kFine;
}

std::uint64_t Histogram::upper_end(std::size_t bucket) {
    if (bucket < kFine) return bucket;
    const auto shift = bucket / kFine - 1;
    return ((bucket % kFine + kFine + 1) << shift) - 1;
}

void Histogram::record(nanoseconds value) {
    const std::int64_t count = std::max<std::int64_t>(value.count(), 0);
    ++buckets_[bucket_of(static_cast<std::uint64_t>(count))];
    ++count_;
    max_ = std::max(max_, count);
}

nanoseconds Histogram::quantile(double q) const {
    const auto rank =
        std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))), 1);
    std::uint64_t below = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
        below += buckets_[bucket];
        if (below >= rank) return nanoseconds(std::min(static_cast<std::int64_t>(upper_end(bucket)), max_));
    }
    return nanoseconds(0);
}

}  // namespace ledgerline::bench
