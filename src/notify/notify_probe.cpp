#include "notify/notify_probe.h"

#include <utility>

#include "observe/log.h"

namespace ledgerline::notify {

void NotifyProbe::attempted(const Answered& answer, bool taken) {
    metrics_.webhook_attempts(taken ? "delivered" : answer.status > 0 ? "refused" : "unreachable").Increment();
    metrics_.webhook_attempt_seconds.Observe(std::chrono::duration<double>(answer.duration).count());
}

void NotifyProbe::standing(std::chrono::duration<double> lag, std::size_t pending) {
    metrics_.webhook_lag_seconds.Set(lag.count());
    metrics_.webhook_deliveries_pending.Set(static_cast<double>(pending));
}

void NotifyProbe::failing(std::int64_t webhooks) { metrics_.webhooks_failing.Set(static_cast<double>(webhooks)); }

void NotifyProbe::disabled(const Endpoint& endpoint, DisableReason reason, const std::string& error) {
    log::error("a webhook was disabled",
               {{"webhook_id", endpoint.id.to_string()}, {"why", name_of(reason)}, {"reason", error}});
}

void NotifyProbe::unreadable(const Endpoint& endpoint, const Error& error) {
    log::warn("outcomes for a webhook cannot be read at the moment",
              {{"webhook_id", endpoint.id.to_string()}, {"code", error.code}, {"reason", error.message}});
}

void NotifyProbe::database_away(const Error& error) {
    if (!std::exchange(database_is_away_, true))
        log::warn("the notifier cannot use the database", {{"code", error.code}, {"reason", error.message}});
}

void NotifyProbe::database_answered() {
    if (std::exchange(database_is_away_, false)) log::info("the notifier can use the database again");
}

}  // namespace ledgerline::notify
