#include "api/transaction_trace.h"

#include <algorithm>

#include "base/json_object.h"
#include "observe/trace.h"

namespace ledgerline::api {
namespace {

void append_letter(const sql::TracedEvent& event, std::string& out) {
    if (!event.letter_id) {
        out += "null";
        return;
    }
    JsonObject(out)
        .add("id", event.letter_id)
        .add("state", event.letter_state)
        .add("topic", event.letter_topic)
        .add("partition", event.letter_partition)
        .add("offset", event.letter_offset)
        .add("error_class", event.error_class)
        .add("error_code", event.error_code)
        .add("error_message", event.error_message)
        .add("attempts", event.letter_attempts)
        .add("first_failed_at", event.first_failed_at)
        .add("last_failed_at", event.last_failed_at)
        .add("decided_at", event.decided_at)
        .add("decided_by", event.decided_by)
        .close();
}

void append_outcome(const sql::TracedEvent& event, std::string& out) {
    if (!event.outcome) {
        out += "null";
        return;
    }
    JsonObject(out)
        .add("status", event.outcome)
        .add("balance_after_cents", event.balance_after_cents)
        .add("failure_code", event.outcome_failure_code)
        .add("failure_reason", event.outcome_failure_reason)
        .add("processed_at", event.processed_at)
        .close();
}

void append_event(const sql::TracedEvent& event, std::string& out) {
    const std::string trace_id = trace_id_of(event.traceparent.value_or(""));
    JsonObject object(out);
    object.add("event_id", event.event_id)
        .add("lane", event.event_lane)
        .add("seq", event.event_seq)
        .add("created_at", event.event_created_at)
        .add("trace_id", trace_id.empty() ? std::nullopt : std::optional(trace_id))
        .add("replay_of", event.replay_of)
        .add("discard_of", event.discard_of)
        .add("published", event.published);
    object.begin("dead_letter");
    append_letter(event, out);
    object.begin("outcome");
    append_outcome(event, out);
    object.close();
}

}  // namespace

Result<std::optional<TransactionTrace>> read_trace(db::Connection& connection, const Uuid& id, int tenant) {
    using Query = sql::TraceTransactionEvents;
    const Query query{.id = id, .events_max = TransactionTrace::events_max, .tenant = tenant};
    LEDGERLINE_TRY(const db::Rows rows, connection.query(Query::statement, query.params()));
    if (rows.empty()) return std::nullopt;
    TransactionTrace trace;
    // One at a time: each row has the transaction with its metadata.
    const db::TypedRows<Query::Row> typed(rows);
    for (std::size_t i = 0; i < typed.size(); ++i) {
        Query::Row row = typed[i];
        trace.transaction = std::move(row.transaction);
        trace.lane = std::move(row.lane);
        trace.events.push_back(std::move(row.traced_event));
    }
    std::ranges::reverse(trace.events);
    return trace;
}

void append_json(const TransactionTrace& trace, std::string& out) {
    JsonObject object(out);
    object.begin("transaction");
    append_json(trace.transaction, out);
    object.begin("lane");
    append_json(trace.lane, out);
    object.begin("events");
    out.push_back('[');
    for (std::size_t i = 0; i < trace.events.size(); ++i) {
        if (i > 0) out.push_back(',');
        append_event(trace.events[i], out);
    }
    out.push_back(']');
    object.close();
}

}  // namespace ledgerline::api
