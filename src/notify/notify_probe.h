// NotifyProbe: what others can see of a notifier: its metrics and its log lines. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "notify/notify_store.h"
#include "notify/sender.h"
#include "observe/metrics.h"

namespace ledgerline::notify {

class NotifyProbe {
public:
    // The metrics must outlive it.
    explicit NotifyProbe(Metrics& metrics) : metrics_(metrics) {}

    void attempted(const Answered& answer, bool taken);
    void standing(std::chrono::duration<double> lag, std::size_t pending);
    void failing(std::int64_t webhooks);
    void disabled(const Endpoint& endpoint, DisableReason reason, const std::string& error);
    void unreadable(const Endpoint& endpoint, const Error& error);
    void database_away(const Error& error);
    void database_answered();

private:
    Metrics& metrics_;
    bool database_is_away_ = false;
};

}  // namespace ledgerline::notify
