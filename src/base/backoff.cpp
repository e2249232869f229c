#include "base/backoff.h"

#include <algorithm>

namespace ledgerline {

milliseconds Backoff::next() {
    const unsigned doublings = std::min(failures_++, 20u);
    const auto ceiling = std::min<std::int64_t>(limits_.cap.count(), limits_.base.count() << doublings);
    return milliseconds(random_->below(static_cast<std::uint64_t>(ceiling) + 1));
}

}  // namespace ledgerline
