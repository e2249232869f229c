// FeedWindow: a part of the outcomes, read from the database.
//
// What is read is bounded by rows and bytes, however much there is, and comes through the indexes of the lanes. A
// window never has a gap in a lane: a reader that goes on where one ended sees everything, in the order of each lane.
#pragma once

#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "db/connection.h"
#include "db/session.h"
#include "feed/outcome.h"

namespace ledgerline::feed {

struct WindowLimits {
    std::size_t rows_max = 1000;  // outcomes that match
    std::size_t scan_max = 1000;  // rows that are read when only some types match
    std::size_t bytes_max = limits::page_bytes_max;
    // A tenant with no more accounts is read account by account, not through the lanes, which it shares with others.
    std::int64_t accounts_max = 200;
};

struct FeedWindow {
    std::vector<std::shared_ptr<const Outcome>> outcomes;
    FeedPosition position;  // after them, and after all before them that do not match
    bool more = false;      // whether anything followed when it was read
};

// Where the lanes end now.
Result<FeedPosition> read_ends(db::Connection& connection);

// What follows the position. Error cursor_ahead (refuse): the position is beyond the end of a lane, as only one of
// another ledger can be, or of this one before it was restored.
inline constexpr std::string_view cursor_ahead = "cursor_ahead";
Result<FeedWindow> read_window(db::Connection& connection, const FeedPosition& from, const FeedFilter& filter,
                               const WindowLimits& limits);

// What the tail reads. Not thread-safe: one thread at a time.
class FeedStore {
public:
    virtual ~FeedStore() = default;
    virtual Result<FeedPosition> ends() = 0;
    virtual Result<FeedWindow> read(const FeedPosition& from, const WindowLimits& limits) = 0;
};

class PgFeedStore final : public FeedStore {
public:
    // Connects on first use. metrics must outlive the store.
    PgFeedStore(db::ConnectionConfig config, Metrics& metrics, const std::string& pool);
    Result<FeedPosition> ends() override;
    Result<FeedWindow> read(const FeedPosition& from, const WindowLimits& limits) override;

private:
    db::Session session_;
};

}  // namespace ledgerline::feed
