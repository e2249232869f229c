// The API's records: the rows that queries return, and their JSON text for clients.
//
// Every member is always present, null where it has no value. Metadata passes through as the database's JSON text, so
// numbers of any size stay exact.
#pragma once

#include <string>
#include <vector>

#include "sql/queries.h"

namespace ledgerline::api {

using AccountRecord = sql::Account;
using TransactionRecord = sql::Transaction;
using AccountChangeRecord = sql::ApiAccountChangesPage::Row;
using EntryRecord = sql::Entry;
using DeadLetterRecord = sql::DeadLetter;
using HoldRecord = sql::Hold;
using LaneRecord = sql::Lane;
using KeyRecord = sql::Key;
using AuditRecord = sql::Audited;
using ApprovalRecord = sql::Approval;
using WebhookRecord = sql::Webhook;
using DeliveryRecord = sql::Delivery;

// Totals of the dead letters that a filter selects.
struct DeadLetterSummary {
    std::vector<sql::LettersDeadLettersGroups::Row> groups;    // largest first
    std::vector<sql::LettersDeadLettersAmounts::Row> amounts;  // of the letters that have a transaction; decimal
                                                               // digits, because a sum may exceed 64 bits
};

// Whether nothing more will happen to the transaction without an operator.
inline bool is_settled(const TransactionRecord& record) {
    return record.status == "PROCESSED" || record.status == "FAILED" || record.dead_letter_id;
}

// Append the record as a JSON object.
void append_json(const AccountRecord& record, std::string& out);
void append_json(const TransactionRecord& record, std::string& out);
void append_json(const EntryRecord& record, std::string& out);
void append_json(const AccountChangeRecord& record, std::string& out);
// An entry as a line of CSV, and the line of titles: the members of its JSON, in their order.
extern const std::string_view entry_csv_header;
void append_csv(const EntryRecord& record, std::string& out);
void append_json(const DeadLetterRecord& record, std::string& out);
void append_json(const DeadLetterSummary& summary, std::string& out);
void append_json(const HoldRecord& record, std::string& out);
void append_json(const LaneRecord& record, std::string& out);
void append_json(const KeyRecord& record, std::string& out);
void append_json(const AuditRecord& record, std::string& out);
void append_json(const ApprovalRecord& record, std::string& out);
void append_json(const WebhookRecord& record, std::string& out);
void append_json(const DeliveryRecord& record, std::string& out);

}  // namespace ledgerline::api
