// Standing: what a loop reports about itself to health checks. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

namespace ledgerline {

class Standing {
public:
    void well() {
        const std::lock_guard lock(mutex_);
        trouble_.reset();
    }
    void troubled(std::string reason) {
        const std::lock_guard lock(mutex_);
        trouble_ = std::move(reason);
    }
    // Why the loop cannot do its work; nothing while it can.
    std::optional<std::string> trouble() const {
        const std::lock_guard lock(mutex_);
        return trouble_;
    }

private:
    mutable std::mutex mutex_;
    std::optional<std::string> trouble_;
};

}  // namespace ledgerline
