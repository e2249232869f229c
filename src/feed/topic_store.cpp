#include "feed/topic_store.h"

#include <utility>

#include "sql/queries.h"

namespace ledgerline::feed {
namespace {

db::ConnectionConfig without_durable_commits(db::ConnectionConfig config) {
    config.durable_commits = false;
    return config;
}

// The columns of places.
struct Columns {
    explicit Columns(std::span<const LanePlace> places) {
        for (const LanePlace& each : places) {
            lanes.push_back(each.lane);
            epochs.push_back(each.epoch);
            seqs.push_back(each.place.seq);
            nths.push_back(each.place.nth);
        }
    }
    std::vector<int> lanes, nths;
    std::vector<std::int64_t> epochs, seqs;
};

}  // namespace

PgTopicStore::PgTopicStore(db::ConnectionConfig config, Metrics& metrics)
    : session_(without_durable_commits(std::move(config)), metrics, "outcomes") {}

Result<std::vector<TopicLease>> PgTopicStore::leases(const std::string& owner) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<TopicLease>> {
        LEDGERLINE_TRY(const auto rows, connection.query(sql::FeedLeases{owner}));
        std::vector<TopicLease> leases;
        for (const auto& row : rows) {
            TopicLease& lease = leases.emplace_back(TopicLease{.lane = row.lane, .epoch = row.epoch, .told = {}});
            if (row.told_seq) lease.told = FeedPlace{*row.told_seq, db::required(row.told_nth)};
        }
        return leases;
    });
}

Result<FeedPosition> PgTopicStore::ends() {
    return session_.run([](db::Connection& connection) { return read_ends(connection); });
}

Result<std::vector<std::shared_ptr<const Outcome>>> PgTopicStore::read(std::span<const LanePlace> from,
                                                                       std::size_t rows_max, std::size_t bytes_max) {
    using Outcomes = std::vector<std::shared_ptr<const Outcome>>;
    return session_.run([&](db::Connection& connection) -> Result<Outcomes> {
        const Columns columns(from);
        LEDGERLINE_TRY(const auto rows,
                       connection.query(sql::FeedRead{.lanes = columns.lanes,
                                                      .seqs = columns.seqs,
                                                      .nths = columns.nths,
                                                      .rows_max = static_cast<std::int64_t>(rows_max),
                                                      .bytes_max = static_cast<std::int64_t>(bytes_max)}));
        Outcomes outcomes;
        outcomes.reserve(rows.size());
        for (const auto& row : rows) outcomes.push_back(std::make_shared<const Outcome>(outcome_of(row)));
        return outcomes;
    });
}

Result<void> PgTopicStore::note_told(const std::string& owner, std::span<const LanePlace> places) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        const Columns columns(places);
        LEDGERLINE_CHECK(connection.execute(sql::FeedNoteTold{.owner = owner,
                                                              .lanes = columns.lanes,
                                                              .epochs = columns.epochs,
                                                              .seqs = columns.seqs,
                                                              .nths = columns.nths}));
        return {};
    });
}

Result<TopicLag> PgTopicStore::lag() {
    return session_.run([](db::Connection& connection) -> Result<TopicLag> {
        LEDGERLINE_TRY(const auto lag, connection.query_row(sql::FeedLag{}));
        return TopicLag{.outcomes = lag.outcomes, .oldest_age = milliseconds(lag.oldest_age_ms)};
    });
}

}  // namespace ledgerline::feed
