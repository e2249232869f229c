#include "api/records.h"

#include <algorithm>

#include "base/json_object.h"
#include "db/row_reader.h"

namespace ledgerline::api {
namespace {

constexpr int kDecisionColumns = 8;
constexpr int kHaltColumns = 4;

std::optional<DecisionRecord> read_optional_decision(db::RowReader& in) {
    if (in.is_null()) return in.skip(kDecisionColumns), std::nullopt;
    return DecisionRecord{.decision = in.text(),
                          .decided_at = in.time(),
                          .decided_by = in.text(),
                          .operator_name = in.optional_text(),
                          .key_fingerprint = in.optional_text(),
                          .bulk_id = in.optional_uuid(),
                          .reason = in.optional_text(),
                          .request_id = in.text()};
}

std::optional<HaltRecord> read_optional_halt(db::RowReader& in, const char* stage) {
    if (in.is_null()) return in.skip(kHaltColumns), std::nullopt;
    return HaltRecord{.stage = stage, .seq = in.int64(), .code = in.text(), .reason = in.text(), .since = in.time()};
}

}  // namespace

// The designated initializers below are evaluated in order, which is the order of the queries' columns.

AccountRecord read_account(const db::Rows& rows, std::size_t row) {
    db::RowReader in(rows, row);
    return {.id = in.uuid(),
            .reference = in.optional_text(),
            .currency = in.text(),
            .balance_cents = in.int64(),
            .min_balance_cents = in.int64(),
            .status = in.text(),
            .metadata = in.optional_text(),
            .lane = in.lane(),
            .created_at = in.time(),
            .updated_at = in.time()};
}

TransactionRecord read_transaction(const db::Rows& rows, std::size_t row) {
    db::RowReader in(rows, row);
    return read_transaction(in);
}

TransactionRecord read_transaction(db::RowReader& in) {
    return {.id = in.uuid(),
            .account_id = in.uuid(),
            .amount_cents = in.int64(),
            .currency = in.text(),
            .type = in.text(),
            .status = in.text(),
            .idempotency_key = in.text(),
            .metadata = in.optional_text(),
            .failure_code = in.optional_text(),
            .failure_reason = in.optional_text(),
            .dead_letter_id = in.optional_uuid(),
            .lane = in.lane(),
            .seq = in.int64(),
            .created_at = in.time(),
            .updated_at = in.time()};
}

EntryRecord read_entry(const db::Rows& rows, std::size_t row) {
    db::RowReader in(rows, row);
    return {.transaction_id = in.uuid(),
            .seq = in.int64(),
            .type = in.text(),
            .amount_cents = in.int64(),
            .balance_after_cents = in.int64(),
            .processed_at = in.time()};
}

DeadLetterRecord read_dead_letter(const db::Rows& rows, std::size_t row) {
    db::RowReader in(rows, row);
    return {.id = in.uuid(),
            .event_id = in.optional_uuid(),
            .transaction_id = in.optional_uuid(),
            .account_id = in.optional_uuid(),
            .lane = in.optional_int64(),
            .seq = in.optional_int64(),
            .topic = in.text(),
            .partition = in.int64(),
            .offset = in.int64(),
            .key = in.optional_text(),
            .payload = in.text(),
            .payload_encoding = in.text(),
            .headers = in.text(),
            .error_class = in.text(),
            .error_code = in.text(),
            .error_message = in.text(),
            .attempts = in.int64(),
            .first_failed_at = in.time(),
            .last_failed_at = in.time(),
            .state = in.text(),
            .decided_at = in.optional_time(),
            .decided_by = in.optional_text(),
            .announced_at = in.optional_time(),
            .decision = read_optional_decision(in)};
}

DeadLetterSummary read_summary(const db::Rows& groups, const db::Rows& amounts) {
    DeadLetterSummary summary;
    for (std::size_t row = 0; row < groups.size(); ++row) {
        db::RowReader in(groups, row);
        summary.groups.push_back({in.text(), in.text(), in.int64()});
        const WallTime oldest = in.time(), newest = in.time();
        summary.oldest_failed_at = std::min(summary.oldest_failed_at.value_or(oldest), oldest);
        summary.newest_failed_at = std::max(summary.newest_failed_at.value_or(newest), newest);
    }
    for (std::size_t row = 0; row < amounts.size(); ++row) {
        db::RowReader in(amounts, row);
        summary.amounts.push_back({in.text(), in.text(), in.int64(), in.text()});
    }
    return summary;
}

LaneRecord read_lane(const db::Rows& rows, std::size_t row) {
    db::RowReader in(rows, row);
    return read_lane(in);
}

LaneRecord read_lane(db::RowReader& in) {
    LaneRecord record{.lane = in.lane(),
                      .last_seq = in.int64(),
                      .published_seq = in.int64(),
                      .applied_seq = in.int64(),
                      .owner = in.optional_text(),
                      .lease_expires_at = in.optional_time(),
                      .oldest_waiting_age_ms = in.optional_int64(),
                      .publish_attempts = in.int64(),
                      .last_error = in.optional_text(),
                      .failing_seq = in.optional_int64(),
                      .attempts = in.int64(),
                      .halts = {}};
    for (const char* stage : {"publish", "apply"})
        if (auto halt = read_optional_halt(in, stage)) record.halts.push_back(*std::move(halt));
    return record;
}

namespace {

// A list, although a letter is decided at most once today.
std::string audit_of(const std::optional<DecisionRecord>& decision) {
    if (!decision) return "[]";
    std::string out = "[";
    JsonObject(out)
        .add("decision", decision->decision)
        .add("decided_at", decision->decided_at)
        .add("decided_by", decision->decided_by)
        .add("operator", decision->operator_name)
        .add("key_fingerprint", decision->key_fingerprint)
        .add("bulk_id", decision->bulk_id)
        .add("reason", decision->reason)
        .add("request_id", decision->request_id)
        .close();
    return out += ']';
}

void append_json(const DeadLetterSummary::Group& group, std::string& out) {
    JsonObject(out)
        .add("error_class", group.error_class)
        .add("error_code", group.error_code)
        .add("count", group.count)
        .close();
}

void append_json(const DeadLetterSummary::Amount& amount, std::string& out) {
    JsonObject(out)
        .add("currency", amount.currency)
        .add("type", amount.type)
        .add("count", amount.count)
        .add_raw("amount_cents", amount.amount_cents)
        .close();
}

void append_json(const HaltRecord& halt, std::string& out) {
    JsonObject(out)
        .add("stage", halt.stage)
        .add("seq", halt.seq)
        .add("code", halt.code)
        .add("reason", halt.reason)
        .add("since", halt.since)
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

void append_json(const AccountRecord& record, std::string& out) {
    JsonObject(out)
        .add("id", record.id)
        .add("reference", record.reference)
        .add("currency", record.currency)
        .add("balance_cents", record.balance_cents)
        .add("min_balance_cents", record.min_balance_cents)
        .add("status", record.status)
        .add_raw("metadata", record.metadata)
        .add("lane", record.lane)
        .add("created_at", record.created_at)
        .add("updated_at", record.updated_at)
        .close();
}

void append_json(const TransactionRecord& record, std::string& out) {
    JsonObject(out)
        .add("id", record.id)
        .add("account_id", record.account_id)
        .add("amount_cents", record.amount_cents)
        .add("currency", record.currency)
        .add("type", record.type)
        .add("status", record.status)
        .add("idempotency_key", record.idempotency_key)
        .add_raw("metadata", record.metadata)
        .add("failure_code", record.failure_code)
        .add("failure_reason", record.failure_reason)
        .add("dead_letter_id", record.dead_letter_id)
        .add("lane", record.lane)
        .add("seq", record.seq)
        .add("created_at", record.created_at)
        .add("updated_at", record.updated_at)
        .close();
}

void append_json(const EntryRecord& record, std::string& out) {
    JsonObject(out)
        .add("transaction_id", record.transaction_id)
        .add("seq", record.seq)
        .add("type", record.type)
        .add("amount_cents", record.amount_cents)
        .add("balance_after_cents", record.balance_after_cents)
        .add("processed_at", record.processed_at)
        .close();
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
        .add_raw("audit", audit_of(record.decision))
        .close();
}

void append_json(const DeadLetterSummary& summary, std::string& out) {
    JsonObject object(out);
    std::int64_t count = 0;
    for (const auto& group : summary.groups) count += group.count;
    object.add("count", count)
        .add("oldest_failed_at", summary.oldest_failed_at)
        .add("newest_failed_at", summary.newest_failed_at)
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
        .add_raw("halts", array_of(record.halts))
        .close();
}

}  // namespace ledgerline::api
