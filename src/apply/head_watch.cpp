#include "apply/head_watch.h"

#include <functional>
#include <utility>

namespace ledgerline::apply {

bool HeadWatch::keep_foreign(std::int64_t applied_seq, const Message& message, const std::string& reason) {
    move_to(applied_seq);
    foreign_came_ = true;
    reason_ = reason;
    const std::hash<std::string> hash;
    const bool has_room = remembered_.size() < remembered_max;
    const bool is_new = has_room && remembered_.insert(hash(message.value) ^ (hash(message.key) << 1)).second;
    return is_new || !returned_;
}

int HeadWatch::missed(std::int64_t applied_seq) {
    move_to(applied_seq);
    ++misses_;
    deliveries_ = std::exchange(foreign_came_, false) ? deliveries_ + 1 : 0;
    returned_ = returned_ || deliveries_ > 0;
    return deliveries_;
}

// A message that came before the cursor moved may have been the event after it, so foreign_came_ is kept.
void HeadWatch::move_to(std::int64_t applied_seq) {
    if (std::exchange(applied_seq_, applied_seq) == applied_seq) return;
    misses_ = deliveries_ = 0;
    returned_ = false;
    remembered_.clear();
}

}  // namespace ledgerline::apply
