#include "api/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/csv.h"
#include "base/json_object.h"

namespace ledgerline::api {
namespace {

// Its columns, in their order, under their names.
template <class Record>
void append_columns(const Record& record, std::string& out) {
    JsonObject object(out);
    record.add_to(object);
    object.close();
}

// A list, although a letter is decided at most once today.
std::string audit_of(const DeadLetterRecord& letter) {
    if (!letter.decision) return "[]";
    std::string out = "[";
    JsonObject(out)
        .add("decision", letter.decision)
        .add("decided_at", letter.decision_at)
        .add("decided_by", letter.decision_by)
        .add("operator", letter.operator_name)
        .add("key_id", letter.key_id)
        .add("bulk_id", letter.bulk_id)
        .add("reason", letter.reason)
        .add("request_id", letter.request_id)
        .close();
    return out += ']';
}

// The stages of the lane that are halted.
std::string halts_of(const LaneRecord& lane) {
    std::string out = "[";
    const auto append = [&](const char* stage, const auto& seq, const auto& code, const auto& reason,
                            const auto& since) {
        if (!seq) return;
        if (out.size() > 1) out += ',';
        JsonObject(out)
            .add("stage", stage)
            .add("seq", seq)
            .add("code", code)
            .add("reason", reason)
            .add("since", since)
            .close();
    };
    append("publish", lane.publish_halt_seq, lane.publish_halt_code, lane.publish_halt_reason, lane.publish_halted_at);
    append("apply", lane.apply_halt_seq, lane.apply_halt_code, lane.apply_halt_reason, lane.apply_halted_at);
    return out += ']';
}

// The event that is decided before the lane's next one.
std::string wait_of(const LaneRecord& lane) {
    if (!lane.wait_lane) return "null";
    std::string out;
    JsonObject(out)
        .add("lane", lane.wait_lane)
        .add("seq", lane.wait_seq)
        .add("event_id", lane.wait_event_id)
        .add("halt", lane.wait_reason)
        .close();
    return out;
}

void append_json(const sql::LettersDeadLettersGroups::Row& group, std::string& out) {
    JsonObject(out)
        .add("error_class", group.error_class)
        .add("error_code", group.error_code)
        .add("count", group.count)
        .close();
}

void append_json(const sql::LettersDeadLettersAmounts::Row& amount, std::string& out) {
    JsonObject(out)
        .add("currency", amount.currency)
        .add("type", amount.type)
        .add("count", amount.count)
        .add_raw("amount_cents", amount.amount_cents)
        .close();
}

template <class Item>
std::string array_of(const std::vector<Item>& items) {
    std::string out = "[";
    for (const Item& item : items) {
        if (out.size() > 1) out += ',';
        append_json(item, out);
    }
    return out += ']';
}

}  // namespace

void append_json(const AccountRecord& record, std::string& out) { append_columns(record, out); }
void append_json(const TransactionRecord& record, std::string& out) { append_columns(record, out); }
void append_json(const HoldRecord& record, std::string& out) { append_columns(record, out); }

void append_json(const EntryRecord& record, std::string& out) {
    JsonObject(out)
        .add("transaction_id", record.transaction_id)
        .add("seq", record.seq)
        .add("type", record.type)
        .add("amount_cents", record.net_cents < 0 ? -record.net_cents : record.net_cents)
        .add("net_cents", record.net_cents)
        .add("balance_after_cents", record.balance_after_cents)
        .add("idempotency_key", record.idempotency_key)
        .add("reference", record.reference)
        .add("processed_at", record.processed_at)
        .close();
}

void append_json(const AccountChangeRecord& record, std::string& out) {
    JsonObject(out)
        .add("number", record.number)
        .add("changed_at", record.changed_at)
        .add("changed_by", record.changed_by)
        .add("operator", record.operator_name)
        .add("key_id", record.key_id)
        .add("reason", record.reason)
        .add("request_id", record.request_id)
        .add_raw("before", record.before)
        .add_raw("after", record.after)
        .add("lane", record.lane)
        .add("applied_seq", record.applied_seq)
        .close();
}

const std::string_view entry_csv_header =
    "transaction_id,seq,type,amount_cents,net_cents,balance_after_cents,idempotency_key,reference,processed_at\r\n";

void append_csv(const EntryRecord& record, std::string& out) {
    const std::int64_t amount_cents = record.net_cents < 0 ? -record.net_cents : record.net_cents;
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},", record.transaction_id.to_string(), record.seq,
                   record.type, amount_cents, record.net_cents, record.balance_after_cents);
    append_csv_text(record.idempotency_key, out);
    out.push_back(',');
    append_csv_text(record.reference.value_or(""), out);
    out.push_back(',');
    out += format_rfc3339(record.processed_at);
    out += csv_line_end;
}

void append_json(const DeadLetterRecord& record, std::string& out) {
    JsonObject(out)
        .add("id", record.id)
        .add("state", record.state)
        .add("event_id", record.event_id)
        .add("transaction_id", record.transaction_id)
        .add("account_id", record.account_id)
        .add("lane", record.lane)
        .add("seq", record.seq)
        .add("topic", record.topic)
        .add("partition", record.partition)
        .add("offset", record.offset)
        .add("key", record.key)
        .add("payload", record.payload)
        .add("payload_encoding", record.payload_encoding)
        .add_raw("headers", record.headers)
        .add("error_class", record.error_class)
        .add("error_code", record.error_code)
        .add("error_message", record.error_message)
        .add("attempts", record.attempts)
        .add("first_failed_at", record.first_failed_at)
        .add("last_failed_at", record.last_failed_at)
        .add("decided_at", record.decided_at)
        .add("decided_by", record.decided_by)
        .add("announced_at", record.announced_at)
        .add_raw("audit", audit_of(record))
        .close();
}

void append_json(const DeadLetterSummary& summary, std::string& out) {
    JsonObject object(out);
    std::int64_t count = 0;
    std::optional<WallTime> oldest, newest;
    for (const auto& group : summary.groups) {
        count += group.count;
        oldest = std::min(oldest.value_or(group.oldest_failed_at), group.oldest_failed_at);
        newest = std::max(newest.value_or(group.newest_failed_at), group.newest_failed_at);
    }
    object.add("count", count)
        .add("oldest_failed_at", oldest)
        .add("newest_failed_at", newest)
        .add_raw("groups", array_of(summary.groups))
        .add_raw("amounts", array_of(summary.amounts))
        .close();
}

void append_json(const LaneRecord& record, std::string& out) {
    JsonObject(out)
        .add("lane", record.lane)
        .add("last_seq", record.last_seq)
        .add("published_seq", record.published_seq)
        .add("applied_seq", record.applied_seq)
        .add("owner", record.owner)
        .add("lease_expires_at", record.lease_expires_at)
        .add("oldest_waiting_age_ms", record.oldest_waiting_age_ms)
        .add("publish_attempts", record.publish_attempts)
        .add("last_error", record.last_error)
        .add("failing_seq", record.failing_seq)
        .add("attempts", record.attempts)
        .add_raw("halts", halts_of(record))
        .add_raw("waits_for", wait_of(record))
        .close();
}

void append_json(const KeyRecord& record, std::string& out) { append_columns(record, out); }
void append_json(const ApprovalRecord& record, std::string& out) { append_columns(record, out); }

void append_json(const WebhookRecord& record, std::string& out) { append_columns(record, out); }

void append_json(const DeliveryRecord& record, std::string& out) { append_columns(record, out); }

void append_json(const AuditRecord& record, std::string& out) {
    JsonObject(out)
        .add("id", record.id)
        .add("at", record.at)
        .add("action", record.action)
        .add("subject", record.subject)
        .add("key_id", record.key_id)
        .add("operator", record.operator_name)
        .add("peer", record.peer)
        .add("request_id", record.request_id)
        .add("reason", record.reason)
        .add_raw("before", record.before)
        .add_raw("after", record.after)
        .add("chain", record.chain)
        .add("number", record.number)
        .add("hash", record.hash)
        .close();
}

}  // namespace ledgerline::api
