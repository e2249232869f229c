#include "feed/outcome.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "base/json_object.h"
#include "domain/hold.h"
#include "domain/legs.h"

namespace ledgerline::feed {
namespace {

bool is_expiry(const sql::Told& row) {
    return row.type == "RELEASE" && is_expiry_key(row.idempotency_key.value_or(""));
}

OutcomeType type_of(const sql::Told& row) {
    if (row.kind == "CHANGED") return OutcomeType::account_updated;
    if (row.kind == "PARKED") return OutcomeType::parked;
    if (row.kind == "REFUSED") return row.failure_code == "discarded" ? OutcomeType::discarded : OutcomeType::failed;
    return is_expiry(row) ? OutcomeType::hold_expired : OutcomeType::processed;
}

// The id of the schema (schemas/) of the data.
std::string_view data_schema_of(OutcomeType type) {
    return type == OutcomeType::account_updated ? "urn:ledgerline:schema:account.updated:v1"
                                                : "urn:ledgerline:schema:transaction.outcome:v1";
}

std::string_view status_of(OutcomeType type) {
    if (type == OutcomeType::parked) return "PROCESSING";
    return type == OutcomeType::failed || type == OutcomeType::discarded ? "FAILED" : "PROCESSED";
}

// Also where the columns tell the only one.
std::optional<std::string> legs_of(const sql::Told& row) {
    if (row.legs || (row.type != "DEBIT" && row.type != "CREDIT")) return row.legs;
    Leg leg{.from = row.first_account_id,
            .to = std::nullopt,
            .amount_cents = row.amount_cents.value_or(0),
            .currency = row.currency.value_or("")};
    if (row.type == "CREDIT") std::swap(leg.from, leg.to);
    return legs_json(std::span(&leg, 1));
}

std::string transaction_json(const sql::Told& row, OutcomeType type) {
    const bool reverses = row.type == "REVERSAL";
    std::string out;
    JsonObject(out)
        .add("id", row.transaction_id)
        .add("account_id", row.first_account_id)
        .add("amount_cents", row.amount_cents)
        .add("currency", row.currency)
        .add("type", row.type)
        .add("status", status_of(type))
        .add("idempotency_key", row.idempotency_key)
        .add_raw("legs", legs_of(row))
        .add("reference", row.reference)
        .add_raw("metadata", row.metadata)
        .add("hold_id", reverses ? std::nullopt : row.parent_id)
        .add("reverses", reverses ? row.parent_id : std::nullopt)
        .add("reason", row.reason)
        .add("previous_id", row.previous_id)
        .add("occurred_at", row.occurred_at)
        .add("created_at", row.created_at)
        .close();
    return out;
}

std::string data_of_decision(const sql::Told& row, OutcomeType type) {
    std::string out;
    JsonObject(out)
        .add("account_id", row.account_id)
        .add("lane", row.lane)
        .add("seq", row.seq)
        .add("primary", row.is_first)
        .add("net_cents", row.net_cents)
        .add("balance_after_cents", row.balance_after_cents)
        .add("held_after_cents", row.held_after_cents)
        .add("available_after_cents", row.balance_after_cents.value_or(0) - row.held_after_cents.value_or(0))
        .add("failure_code", row.failure_code)
        .add("failure_reason", row.failure_reason)
        .add("dead_letter_id", row.dead_letter_id)
        .add_raw("transaction", transaction_json(row, type))
        .close();
    return out;
}

std::string data_of_change(const sql::Told& row) {
    std::string out;
    JsonObject(out)
        .add("account_id", row.account_id)
        .add("lane", row.lane)
        .add("seq", row.seq)
        .add("primary", true)
        .add("number", row.change_number)
        .add_raw("before", row.changed_before)
        .add_raw("after", row.changed_after)
        .add("reason", row.reason)
        .add("changed_by", row.changed_by)
        .close();
    return out;
}

}  // namespace

Outcome outcome_of(const sql::Told& row) {
    Outcome outcome{.type = type_of(row),
                    .lane = row.lane,
                    .place = {row.seq, row.nth},
                    .account_id = row.account_id,
                    .tenant = row.tenant,
                    .tenant_name = row.tenant_name,
                    .id = {},
                    .time = row.told_at,
                    .data = {}};
    if (outcome.type == OutcomeType::account_updated) {
        outcome.id = fmt::format("{}:{}", row.account_id.to_string(), db::required(row.change_number));
        outcome.data = data_of_change(row);
    } else {
        outcome.id = fmt::format("{}:{}:{}", db::required(row.event_id).to_string(), row.lane, row.seq);
        outcome.data = data_of_decision(row, outcome.type);
    }
    return outcome;
}

void append_json(const Outcome& outcome, std::string& out) {
    JsonObject(out)
        .add("specversion", "1.0")
        .add("id", outcome.id)
        .add("source", outcome.source())
        .add("type", name_of(outcome.type))
        .add("subject", outcome.account_id)
        .add("time", outcome.time)
        .add("datacontenttype", "application/json")
        .add("dataschema", data_schema_of(outcome.type))
        .add_raw("data", outcome.data)
        .close();
}

Message encode(const Outcome& outcome) {
    Message message{outcome.account_id.to_string(), outcome.data, {}};
    message.headers = {{"ce_specversion", "1.0"},
                       {"ce_id", outcome.id},
                       {"ce_type", std::string(name_of(outcome.type))},
                       {"ce_source", outcome.source()},
                       {"ce_subject", message.key},
                       {"ce_time", format_rfc3339(outcome.time)},
                       {"ce_dataschema", std::string(data_schema_of(outcome.type))},
                       {"content-type", "application/json"},
                       {"lane", std::to_string(outcome.lane)},
                       {"seq", std::to_string(outcome.place.seq)},
                       {"nth", std::to_string(outcome.place.nth)}};
    if (outcome.tenant_name) message.headers.emplace_back("ce_tenant", *outcome.tenant_name);
    return message;
}

}  // namespace ledgerline::feed
