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

namespace ledgerline::api {

// What a dead letter says about its cause; the letter itself has its own call.
struct TracedLetter {
    Uuid id;
    std::string state;
    std::string topic;
    std::int64_t partition = 0;
    std::int64_t offset = 0;
    std::string error_class;
    std::string error_code;
    std::string error_message;
    std::int64_t attempts = 0;
    WallTime first_failed_at;
    WallTime last_failed_at;
    std::optional<WallTime> decided_at;
    std::optional<std::string> decided_by;
};

struct TracedOutcome {
    std::string outcome;  // PROCESSED or FAILED
    std::optional<std::int64_t> balance_after_cents;
    std::optional<std::string> failure_code;
    std::optional<std::string> failure_reason;
    WallTime processed_at;
};

struct TracedEvent {
    Uuid event_id;
    int lane = 0;
    std::int64_t seq = 0;
    WallTime created_at;
    std::optional<std::string> traceparent;
    std::optional<Uuid> replay_of;  // the dead letter that it replays; empty for the first event
    bool published = false;
    std::optional<TracedLetter> letter;
    std::optional<TracedOutcome> outcome;
};

struct TransactionTrace {
    TransactionRecord transaction;
    LaneRecord lane;
    std::vector<TracedEvent> events;  // in lane order; the newest events_max

    // A transaction has one more event than replays.
    static constexpr std::int64_t events_max = 100;
};

// From the rows of sql::trace_transaction_events; empty when there are none.
std::optional<TransactionTrace> read_trace(const db::Rows& rows);

void append_json(const TransactionTrace& trace, std::string& out);

}  // namespace ledgerline::api
