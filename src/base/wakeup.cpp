#include "base/wakeup.h"

namespace ledgerline {

void Wakeup::notify() {
    {
        std::lock_guard lock(mutex_);
        notified_ = true;
    }
    changed_.notify_one();
}

void Wakeup::wait(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [this] { return notified_; });
    notified_ = false;
}

}  // namespace ledgerline
