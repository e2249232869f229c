// TopicProbe: what others can see of the topic's publisher: its metrics and its log lines. Not thread-safe.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "feed/topic_store.h"
#include "observe/metrics.h"

namespace ledgerline::feed {

class TopicProbe {
public:
    // The metrics must outlive it.
    explicit TopicProbe(Metrics& metrics) : metrics_(metrics) {}

    void published(std::size_t outcomes);
    void lag(const TopicLag& lag);
    // A lane whose outcome the bus did not take, and one that goes on. Only changes are logged.
    void lane_stopped(int lane, const std::string& reason);
    void lane_moved(int lane);
    void database_away(const Error& error);
    void database_answered();

private:
    Metrics& metrics_;
    std::set<int> stopped_;
    bool database_is_away_ = false;
};

}  // namespace ledgerline::feed
