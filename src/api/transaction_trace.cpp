#include "api/transaction_trace.h"

#include <algorithm>

#include "base/json_object.h"
#include "db/row_reader.h"
#include "observe/trace.h"

namespace ledgerline::api {
namespace {

// How many of the query's columns belong to the letter.
constexpr int kLetterColumns = 13;
constexpr int kOutcomeColumns = 5;

// The designated initializers below are evaluated in order, which is the order of the query's columns.

std::optional<TracedLetter> read_letter(db::RowReader& in) {
    if (in.is_null()) return in.skip(kLetterColumns), std::nullopt;
    return TracedLetter{.id = in.uuid(),
                        .state = in.text(),
                        .topic = in.text(),
                        .partition = in.int64(),
                        .offset = in.int64(),
                        .error_class = in.text(),
                        .error_code = in.text(),
                        .error_message = in.text(),
                        .attempts = in.int64(),
                        .first_failed_at = in.time(),
                        .last_failed_at = in.time(),
                        .decided_at = in.optional_time(),
                        .decided_by = in.optional_text()};
}

std::optional<TracedOutcome> read_outcome(db::RowReader& in) {
    if (in.is_null()) return in.skip(kOutcomeColumns), std::nullopt;
    return TracedOutcome{.outcome = in.text(),
                         .balance_after_cents = in.optional_int64(),
                         .failure_code = in.optional_text(),
                         .failure_reason = in.optional_text(),
                         .processed_at = in.time()};
}

TracedEvent read_event(db::RowReader& in) {
    return {.event_id = in.uuid(),
            .lane = in.lane(),
            .seq = in.int64(),
            .created_at = in.time(),
            .traceparent = in.optional_text(),
            .replay_of = in.optional_uuid(),
            .published = in.boolean(),
            .letter = read_letter(in),
            .outcome = read_outcome(in)};
}

void append_json(const TracedLetter& letter, std::string& out) {
    JsonObject(out)
        .add("id", letter.id)
        .add("state", letter.state)
        .add("topic", letter.topic)
        .add("partition", letter.partition)
        .add("offset", letter.offset)
        .add("error_class", letter.error_class)
        .add("error_code", letter.error_code)
        .add("error_message", letter.error_message)
        .add("attempts", letter.attempts)
        .add("first_failed_at", letter.first_failed_at)
        .add("last_failed_at", letter.last_failed_at)
        .add("decided_at", letter.decided_at)
        .add("decided_by", letter.decided_by)
        .close();
}

void append_json(const TracedOutcome& outcome, std::string& out) {
    JsonObject(out)
        .add("status", outcome.outcome)
        .add("balance_after_cents", outcome.balance_after_cents)
        .add("failure_code", outcome.failure_code)
        .add("failure_reason", outcome.failure_reason)
        .add("processed_at", outcome.processed_at)
        .close();
}

template <class Record>
void append_member(JsonObject& object, std::string_view name, const std::optional<Record>& record, std::string& out) {
    object.begin(name);
    if (record)
        append_json(*record, out);
    else
        out += "null";
}

void append_json(const TracedEvent& event, std::string& out) {
    const std::string trace_id = trace_id_of(event.traceparent.value_or(""));
    JsonObject object(out);
    object.add("event_id", event.event_id)
        .add("lane", event.lane)
        .add("seq", event.seq)
        .add("created_at", event.created_at)
        .add("trace_id", trace_id.empty() ? std::nullopt : std::optional(trace_id))
        .add("replay_of", event.replay_of)
        .add("published", event.published);
    append_member(object, "dead_letter", event.letter, out);
    append_member(object, "outcome", event.outcome, out);
    object.close();
}

}  // namespace

std::optional<TransactionTrace> read_trace(const db::Rows& rows) {
    if (rows.empty()) return std::nullopt;
    TransactionTrace trace;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        db::RowReader in(rows, row);
        trace.transaction = read_transaction(in);
        trace.events.push_back(read_event(in));
        trace.lane = read_lane(in);
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
        append_json(trace.events[i], out);
    }
    out.push_back(']');
    object.close();
}

}  // namespace ledgerline::api
