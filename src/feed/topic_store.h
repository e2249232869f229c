// TopicStore: what the publisher of outcomes reads from and writes to the database. Each call is one transaction.
//
// Not thread-safe: one thread at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "feed/window.h"

namespace ledgerline::feed {

// A lane that this publisher holds.
struct TopicLease {
    int lane = 0;
    std::int64_t epoch = 0;
    std::optional<FeedPlace> told;  // how far the topic has the lane; empty: it was never told of it
};

struct LanePlace {
    int lane = 0;
    std::int64_t epoch = 0;  // of the lease
    FeedPlace place;
};

struct TopicLag {
    std::int64_t outcomes = 0;  // that the topic does not have
    milliseconds oldest_age{0};
};

class TopicStore {
public:
    virtual ~TopicStore() = default;
    virtual Result<std::vector<TopicLease>> leases(const std::string& owner) = 0;
    virtual Result<FeedPosition> ends() = 0;
    // What follows these places in their lanes, in the order of each lane.
    virtual Result<std::vector<std::shared_ptr<const Outcome>>> read(std::span<const LanePlace> from,
                                                                     std::size_t rows_max, std::size_t bytes_max) = 0;
    // Records how far the topic has the lanes that are held under these epochs.
    virtual Result<void> note_told(const std::string& owner, std::span<const LanePlace> places) = 0;
    // Of all lanes.
    virtual Result<TopicLag> lag() = 0;
};

class PgTopicStore final : public TopicStore {
public:
    // Connects on first use. Its commits are asynchronous, whatever config says: a note lost in a crash only makes
    // outcomes go out twice.
    PgTopicStore(db::ConnectionConfig config, Metrics& metrics);

    Result<std::vector<TopicLease>> leases(const std::string& owner) override;
    Result<FeedPosition> ends() override;
    Result<std::vector<std::shared_ptr<const Outcome>>> read(std::span<const LanePlace> from, std::size_t rows_max,
                                                             std::size_t bytes_max) override;
    Result<void> note_told(const std::string& owner, std::span<const LanePlace> places) override;
    Result<TopicLag> lag() override;

private:
    db::Session session_;
};

}  // namespace ledgerline::feed
