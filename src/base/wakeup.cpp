#include "base/wakeup.h"

#include <utility>

namespace ledgerline {

void Wakeup::notify() {
    {
        std::lock_guard lock(mutex_);
        notified_ = true;
    }
    changed_.notify_one();
}

bool Wakeup::wait(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [this] { return notified_; });
    return std::exchange(notified_, false);
}

}  // namespace ledgerline
