// TransactionTrace: one transaction's life. Every event of the transaction, each with its dead letter and its outcome,
// and the state of their lane.
//
// It contains only what is recorded: rows are appended, never changed, so there is no time of publishing, and offsets
// are known only for dead letters. A distributed trace has the rest, under the trace_id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/records.h"
#include "base/result.h"
#include "db/connection.h"

namespace ledgerline::api {

struct TransactionTrace {
    TransactionRecord transaction;
    LaneRecord lane;
    std::vector<sql::TracedEvent> events;  // in lane order; the newest events_max

    // A transaction has one more event than replays.
    static constexpr std::int64_t events_max = 100;
};

// Empty when there is no such transaction.
Result<std::optional<TransactionTrace>> read_trace(db::Connection& connection, const Uuid& id, int tenant);

void append_json(const TransactionTrace& trace, std::string& out);

}  // namespace ledgerline::api
