#include "feed/window.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sql/queries.h"

namespace ledgerline::feed {
namespace {

const std::vector<int>& all_lanes() {
    static const std::vector<int> lanes = [] {
        std::vector<int> all(lane_count);
        std::iota(all.begin(), all.end(), 0);
        return all;
    }();
    return lanes;
}

FeedPosition position_of(const std::vector<sql::FeedEnds::Row>& ends) {
    FeedPosition position;
    for (const auto& end : ends) position.advance(end.lane, {end.seq, end.nth});
    return position;
}

// Positions as columns, for all lanes.
struct Columns {
    explicit Columns(const FeedPosition& from) {
        for (const int lane : all_lanes()) {
            seqs.push_back(from.at(lane).seq);
            nths.push_back(from.at(lane).nth);
        }
    }
    std::vector<std::int64_t> seqs;
    std::vector<int> nths;
};

db::Call read_lanes(const FeedPosition& from, std::size_t rows_max, std::size_t bytes_max) {
    const Columns columns(from);
    return sql::FeedRead{.lanes = all_lanes(),
                         .seqs = columns.seqs,
                         .nths = columns.nths,
                         .rows_max = static_cast<std::int64_t>(rows_max),
                         .bytes_max = static_cast<std::int64_t>(bytes_max)};
}

db::Call read_tenant(int tenant, const FeedPosition& from, std::size_t rows_max, const WindowLimits& limits) {
    const Columns columns(from);
    return sql::FeedReadTenant{.lanes = all_lanes(),
                               .seqs = columns.seqs,
                               .nths = columns.nths,
                               .rows_max = static_cast<std::int64_t>(rows_max),
                               .bytes_max = static_cast<std::int64_t>(limits.bytes_max),
                               .tenant = tenant,
                               .accounts_max = limits.accounts_max};
}

db::Call read_account(const FeedFilter& filter, const FeedPlace& from, std::size_t rows_max, std::size_t bytes_max) {
    return sql::FeedReadAccount{.account_id = *filter.account_id,
                                .seq = from.seq,
                                .nth = from.nth,
                                .rows_max = static_cast<std::int64_t>(rows_max),
                                .bytes_max = static_cast<std::int64_t>(bytes_max),
                                .tenant = filter.tenant.value_or(default_tenant)};
}

// What reads whatever may match: the account, the accounts of a tenant that has few, or all lanes.
Result<db::Call> call_for(db::Connection& connection, const FeedPosition& from, const FeedFilter& filter,
                          const WindowLimits& limits) {
    const bool all_match = filter.types == 0 && (filter.account_id || !filter.tenant);
    const std::size_t rows_max = all_match ? limits.rows_max : std::max(limits.rows_max, limits.scan_max);
    if (const auto& account = filter.account_id)
        return read_account(filter, from.at(lane_of(*account)), rows_max, limits.bytes_max);
    if (!filter.tenant) return read_lanes(from, rows_max, limits.bytes_max);
    LEDGERLINE_TRY(const auto accounts,
                   connection.query_row(sql::FeedHasFewAccounts{*filter.tenant, limits.accounts_max}));
    return accounts.few ? read_tenant(*filter.tenant, from, rows_max, limits)
                        : read_lanes(from, rows_max, limits.bytes_max);
}

// Takes the rows that match, as many as are wanted.
void take(const db::Rows& rows, const FeedFilter& filter, std::size_t rows_max, FeedWindow& window) {
    const db::TypedRows<sql::Told> told(rows);
    for (std::size_t row = 0; row < told.size() && window.outcomes.size() < rows_max; ++row) {
        auto outcome = std::make_shared<const Outcome>(outcome_of(told[row]));
        window.position.advance(outcome->lane, outcome->place);
        if (filter.matches(*outcome)) window.outcomes.push_back(std::move(outcome));
    }
}

}  // namespace

Result<FeedPosition> read_ends(db::Connection& connection) {
    LEDGERLINE_TRY(const auto ends, connection.query(sql::FeedEnds{all_lanes()}));
    return position_of(ends);
}

// The ends are read first: everything up to them is seen by the statement after that.
Result<FeedWindow> read_window(db::Connection& connection, const FeedPosition& from, const FeedFilter& filter,
                               const WindowLimits& limits) {
    LEDGERLINE_TRY(const db::Call read, call_for(connection, from, filter, limits));
    LEDGERLINE_TRY(const auto results, connection.pipeline({sql::FeedEnds{all_lanes()}, read}));
    const FeedPosition ends = position_of(db::rows_of<sql::FeedEnds>(results[0]));
    FeedWindow window{.outcomes = {}, .position = from, .more = false};
    take(results[1], filter, limits.rows_max, window);
    for (int lane = 0; lane < lane_count; ++lane) {
        if (ends.at(lane) < from.at(lane))
            return failure(Disposition::refuse, std::string(cursor_ahead), "the lane ends before the position");
        if (!filter.concerns(lane)) continue;
        if (results[1].empty()) window.position.advance(lane, ends.at(lane));
        window.more |= window.position.at(lane) < ends.at(lane);
    }
    return window;
}

PgFeedStore::PgFeedStore(db::ConnectionConfig config, Metrics& metrics, const std::string& pool)
    : session_(std::move(config), metrics, pool) {}

Result<FeedPosition> PgFeedStore::ends() {
    return session_.run([](db::Connection& connection) { return read_ends(connection); });
}

Result<FeedWindow> PgFeedStore::read(const FeedPosition& from, const WindowLimits& limits) {
    return session_.run([&](db::Connection& connection) { return read_window(connection, from, {}, limits); });
}

}  // namespace ledgerline::feed
