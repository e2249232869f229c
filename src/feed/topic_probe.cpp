#include "feed/topic_probe.h"

#include <utility>

#include "observe/log.h"

namespace ledgerline::feed {

void TopicProbe::published(std::size_t outcomes) {
    metrics_.outcomes_published_total.Increment(static_cast<double>(outcomes));
}

void TopicProbe::lag(const TopicLag& lag) {
    metrics_.outcomes_lag_events.Set(static_cast<double>(lag.outcomes));
    metrics_.outcomes_lag_seconds.Set(std::chrono::duration<double>(lag.oldest_age).count());
}

void TopicProbe::lane_stopped(int lane, const std::string& reason) {
    if (stopped_.insert(lane).second)
        log::warn("outcomes cannot be published at the moment", {{"lane", lane}, {"reason", reason}});
}

void TopicProbe::lane_moved(int lane) {
    if (stopped_.erase(lane) > 0) log::info("outcomes are published again", {{"lane", lane}});
}

void TopicProbe::database_away(const Error& error) {
    if (!std::exchange(database_is_away_, true))
        log::warn("the publisher of outcomes cannot use the database",
                  {{"code", error.code}, {"reason", error.message}});
}

void TopicProbe::database_answered() {
    if (std::exchange(database_is_away_, false)) log::info("the publisher of outcomes can use the database again");
}

}  // namespace ledgerline::feed
