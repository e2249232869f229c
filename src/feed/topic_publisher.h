// TopicPublisher: publishes outcomes to their topic, one partition a lane, in the order of each lane.
//
// It serves the lanes whose leases the publisher of this process holds, and keeps its place in each in memory. The
// places in the database are hints for the next one, written at most once a second: what was told since is told again,
// with the same ids; so is what follows them after a lost session. A message that the bus does not take is sent again
// with all that follow it in its lane, once the bus has reported on them, so that the first time each outcome arrives
// is in order. Other lanes go on meanwhile.
//
// Not thread-safe: step() and release() belong to one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "bus/bus.h"
#include "feed/topic_probe.h"
#include "feed/topic_store.h"
#include "observe/process_context.h"

namespace ledgerline::feed {

// Where the topic begins with a lane that it was never told of.
enum class TopicStart { start, latest };

class TopicPublisher {
public:
    // Limits of one round, and of what one lane may have under way.
    static constexpr std::size_t rows_per_round_max = 2'000;
    static constexpr std::size_t bytes_per_round_max = limits::publish_round_bytes_max;
    static constexpr std::size_t lane_under_way_max = 1'000;
    static constexpr std::size_t under_way_max = 8'000;  // of all lanes
    static constexpr milliseconds round_wait_max{50};
    static constexpr milliseconds lease_interval{1000};
    static constexpr milliseconds note_interval{1000};
    static constexpr milliseconds lag_interval{1000};
    // Sleep after a round that found something; it doubles with each round that found nothing.
    static constexpr milliseconds idle_min{5};
    static constexpr milliseconds idle_max{200};
    static constexpr Backoff::Limits lane_backoff{milliseconds(50), milliseconds(5'000)};
    static constexpr Backoff::Limits outage_backoff{milliseconds(50), milliseconds(5'000)};

    // owner: that of this process' publisher. Arguments passed by reference must outlive it.
    TopicPublisher(std::string owner, TopicStart start, TopicStore& store, bus::Producer& producer,
                   const ProcessContext& context);

    // Runs one round. Returns how long to sleep; an error only when nothing can succeed until somebody fixes the
    // installation (Disposition::stop).
    Result<milliseconds> step();
    // Records how far the topic has the lanes, as far as that is possible.
    void release();

private:
    struct Sent {
        std::uint64_t number = 0;
        FeedPlace place;
        bool delivered = false;
    };
    struct Lane {
        std::int64_t epoch = 0;
        FeedPlace told;      // the topic has everything up to here
        FeedPlace noted;     // in the database
        bool known = false;  // whether the database has a place
        FeedPlace sent;
        std::deque<Sent> under_way;  // in the order of the lane
        std::size_t unreported = 0;
        std::string failure;  // why one of them was not taken
        Backoff backoff;
        SteadyTime retry_at{};
    };

    Result<milliseconds> run_round();
    void forget_lanes();
    Result<void> read_leases();
    Result<void> adopt(const std::vector<TopicLease>& leases);
    std::vector<LanePlace> places_to_read() const;
    void send(const std::vector<std::shared_ptr<const Outcome>>& outcomes);
    bool fits(const Outcome& outcome, const Message& message);
    void take_reports(SteadyTime deadline);
    void take(const bus::Report& report);
    void settle();
    void settle(int number, Lane& lane);
    Result<void> note();
    Result<void> measure();

    const std::string owner_;
    const TopicStart start_;
    TopicStore& store_;
    bus::Producer& producer_;
    const Clock& clock_;
    Random& random_;
    TopicProbe probe_;

    std::map<int, Lane> lanes_;
    std::map<std::uint64_t, int> lanes_by_number_;  // of what is under way
    SteadyTime leases_at_{};
    SteadyTime note_at_{};
    SteadyTime lag_at_{};
    SteadyTime retry_at_{};
    Backoff database_backoff_;
    milliseconds idle_ = idle_min;
};

}  // namespace ledgerline::feed
