#include "roles/joining_consumer.h"

#include <utility>

namespace ledgerline::roles {

Result<bus::Polled> JoiningConsumer::poll(milliseconds wait, std::size_t messages_max) {
    auto polled = consumer_->poll(wait, messages_max);
    if (joined_ || !polled) return polled;
    const SteadyTime now = clock_.steady_now();
    if (!std::exchange(polled_, true)) polled_first_at_ = now;
    joined_ = !polled->assigned.empty() || now - polled_first_at_ >= spare_after;
    return polled;
}

}  // namespace ledgerline::roles
