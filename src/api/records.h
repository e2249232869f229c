// The API's records: rows as returned by the queries of sql/queries/api.sql, and as JSON text for clients.
//
// Every member is always present, null where it has no value. Metadata passes through as the database's JSON text, so
// numbers of any size stay exact.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "db/connection.h"
#include "db/row_reader.h"

namespace ledgerline::api {

struct AccountRecord {
    Uuid id;
    std::optional<std::string> reference;
    std::string currency;
    std::int64_t balance_cents = 0;
    std::int64_t min_balance_cents = 0;
    std::string status;
    std::optional<std::string> metadata;  // JSON text of an object
    int lane = 0;
    WallTime created_at;
    WallTime updated_at;
};

struct TransactionRecord {
    Uuid id;
    Uuid account_id;
    std::int64_t amount_cents = 0;
    std::string currency;
    std::string type;
    std::string status;
    std::string idempotency_key;
    std::optional<std::string> metadata;  // JSON text of an object
    std::optional<std::string> failure_code;
    std::optional<std::string> failure_reason;
    std::optional<Uuid> dead_letter_id;
    // The place of the event that decided it or will decide it.
    int lane = 0;
    std::int64_t seq = 0;
    WallTime created_at;
    WallTime updated_at;

    // Whether nothing more will happen to it without an operator.
    bool settled() const { return status == "PROCESSED" || status == "FAILED" || dead_letter_id; }
};

struct EntryRecord {
    Uuid transaction_id;
    std::int64_t seq = 0;
    std::string type;
    std::int64_t amount_cents = 0;
    std::int64_t balance_after_cents = 0;
    WallTime processed_at;
};

// The audit row of a decision about a dead letter.
struct DecisionRecord {
    std::string decision;  // "REPLAYED", "DISCARDED"
    WallTime decided_at;
    std::string decided_by;
    std::optional<std::string> operator_name;
    std::optional<std::string> key_fingerprint;
    std::optional<Uuid> bulk_id;
    std::optional<std::string> reason;
    std::string request_id;
};

struct DeadLetterRecord {
    Uuid id;
    std::optional<Uuid> event_id;
    std::optional<Uuid> transaction_id;
    std::optional<Uuid> account_id;
    std::optional<std::int64_t> lane;
    std::optional<std::int64_t> seq;
    std::string topic;
    std::int64_t partition = 0;
    std::int64_t offset = 0;
    std::optional<std::string> key;  // of the message; text, or base64 if not valid UTF-8
    std::string payload;
    std::string payload_encoding;
    std::string headers;  // JSON text
    std::string error_class;
    std::string error_code;
    std::string error_message;
    std::int64_t attempts = 0;
    WallTime first_failed_at;
    WallTime last_failed_at;
    std::string state;
    std::optional<WallTime> decided_at;
    std::optional<std::string> decided_by;
    std::optional<WallTime> announced_at;  // when it was published to the topic of dead letters
    std::optional<DecisionRecord> decision;
};

// Totals of the dead letters that a filter selects.
struct DeadLetterSummary {
    struct Group {
        std::string error_class;
        std::string error_code;
        std::int64_t count = 0;
    };
    struct Amount {
        std::string currency;
        std::string type;
        std::int64_t count = 0;
        std::string amount_cents;  // decimal digits: a sum may exceed 64 bits
    };
    std::vector<Group> groups;    // largest first
    std::vector<Amount> amounts;  // of the letters that have a transaction
    std::optional<WallTime> oldest_failed_at;
    std::optional<WallTime> newest_failed_at;
};

// What halts a stage of a lane.
struct HaltRecord {
    std::string stage;  // "publish", "apply"
    std::int64_t seq = 0;
    std::string code;
    std::string reason;
    WallTime since;
};

struct LaneRecord {
    int lane = 0;
    std::int64_t last_seq = 0;
    std::int64_t published_seq = 0;
    std::int64_t applied_seq = 0;
    std::optional<std::string> owner;
    std::optional<WallTime> lease_expires_at;
    std::optional<std::int64_t> oldest_waiting_age_ms;  // of the event after applied_seq
    std::int64_t publish_attempts = 0;
    std::optional<std::string> last_error;
    std::optional<std::int64_t> failing_seq;
    std::int64_t attempts = 0;
    std::vector<HaltRecord> halts;  // empty while no stage is halted
};

AccountRecord read_account(const db::Rows& rows, std::size_t row);
TransactionRecord read_transaction(const db::Rows& rows, std::size_t row);
EntryRecord read_entry(const db::Rows& rows, std::size_t row);
DeadLetterRecord read_dead_letter(const db::Rows& rows, std::size_t row);
LaneRecord read_lane(const db::Rows& rows, std::size_t row);
// groups and amounts: the results of the summary's two statements.
DeadLetterSummary read_summary(const db::Rows& groups, const db::Rows& amounts);
// Reads the transaction's columns, which may be among others.
TransactionRecord read_transaction(db::RowReader& in);
LaneRecord read_lane(db::RowReader& in);

// Append the record as a JSON object.
void append_json(const AccountRecord& record, std::string& out);
void append_json(const TransactionRecord& record, std::string& out);
void append_json(const EntryRecord& record, std::string& out);
void append_json(const DeadLetterRecord& record, std::string& out);
void append_json(const DeadLetterSummary& summary, std::string& out);
void append_json(const LaneRecord& record, std::string& out);

}  // namespace ledgerline::api
