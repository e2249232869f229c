#include "domain/event.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace ledgerline {
namespace {

// An integer in a header: decimal digits only, no sign.
std::optional<std::int64_t> parse_count(std::string_view text) {
    return text.starts_with('-') ? std::nullopt : parse_integer<std::int64_t>(text);
}

std::unexpected<Error> undecodable(std::string why) {
    return failure(Disposition::refuse, "undecodable", std::move(why));
}

// The trace-id field of a traceparent; empty when there is none.
std::string_view trace_id_of(std::string_view traceparent) {
    return traceparent.size() >= 35 ? traceparent.substr(3, 32) : std::string_view();
}

std::string encode_value(const Event& event) {
    std::string out = R"({"event_id":)";
    json::append_quoted(event.event_id.to_string(), out);
    out += R"(,"event_type":"transaction.created","schema_version":)";
    out += std::to_string(event.schema_version);
    out += R"(,"occurred_at":)";
    json::append_quoted(format_rfc3339(event.occurred_at), out);
    out += R"(,"trace_id":)";
    json::append_quoted(trace_id_of(event.traceparent), out);
    out += R"(,"idempotency_key":)";
    json::append_quoted(event.idempotency_key, out);
    out += R"(,"aggregate_id":)";
    json::append_quoted(event.transaction_id.to_string(), out);
    out += R"(,"payload":{"transaction_id":)";
    json::append_quoted(event.transaction_id.to_string(), out);
    out += R"(,"account_id":)";
    json::append_quoted(event.account_id.to_string(), out);
    out += R"(,"amount_cents":)";
    out += std::to_string(event.amount_cents);
    out += R"(,"currency":)";
    json::append_quoted(event.currency, out);
    out += R"(,"type":)";
    json::append_quoted(name_of(event.type), out);
    if (event.parent_id) {
        out += event.type == TransactionType::reversal ? R"(,"reverses":)" : R"(,"hold_id":)";
        json::append_quoted(event.parent_id->to_string(), out);
    }
    if (event.previous_id) {
        out += R"(,"previous_id":)";
        json::append_quoted(event.previous_id->to_string(), out);
    }
    if (event.dated) {
        out += R"(,"occurred_at":)";
        json::append_quoted(format_rfc3339(*event.dated), out);
    }
    if (event.legs || event.previous_id) {
        out += R"(,"net_cents":)";
        out += std::to_string(event.net_cents);
        out += R"(,"places":)";
        out += std::to_string(event.places);
    }
    if (event.legs) {
        out += R"(,"legs":)";
        out += *event.legs;
    }
    out += R"(,"idempotency_key":)";
    json::append_quoted(event.idempotency_key, out);
    if (event.reference) {
        out += R"(,"reference":)";
        json::append_quoted(*event.reference, out);
    }
    if (event.metadata) {
        out += R"(,"metadata":)";
        out += *event.metadata;
    }
    out += "}}";
    return out;
}

}  // namespace

std::string_view name_of(TransactionType type) {
    switch (type) {
        case TransactionType::debit:
            return "DEBIT";
        case TransactionType::credit:
            return "CREDIT";
        case TransactionType::transfer:
            return "TRANSFER";
        case TransactionType::hold:
            return "HOLD";
        case TransactionType::capture:
            return "CAPTURE";
        case TransactionType::release:
            return "RELEASE";
        case TransactionType::reversal:
            return "REVERSAL";
    }
    LEDGERLINE_ASSERT(false);
}

std::optional<TransactionType> parse_transaction_type(std::string_view name) {
    if (name == "DEBIT") return TransactionType::debit;
    if (name == "CREDIT") return TransactionType::credit;
    if (name == "TRANSFER") return TransactionType::transfer;
    if (name == "HOLD") return TransactionType::hold;
    if (name == "CAPTURE") return TransactionType::capture;
    if (name == "RELEASE") return TransactionType::release;
    if (name == "REVERSAL") return TransactionType::reversal;
    return std::nullopt;
}

const std::string* Message::header(std::string_view name) const {
    const auto found = std::find_if(headers.begin(), headers.end(), [&](const Header& h) { return h.first == name; });
    return found == headers.end() ? nullptr : &found->second;
}

std::size_t wire_bytes_max(const Message& message) {
    // For Kafka's record format 2 (KIP-98): a record's variable-length numbers take at most 45 bytes, a header's two
    // take 10, and the header of the batch around them 61.
    constexpr std::size_t kMessageFrame = 61 + 45, kHeaderFrame = 10;
    std::size_t bytes = kMessageFrame + message.key.size() + message.value.size();
    for (const auto& [name, value] : message.headers) bytes += kHeaderFrame + name.size() + value.size();
    return bytes;
}

Message encode(const Event& event) {
    Message message{event.account_id.to_string(), encode_value(event), {}};
    message.headers = {{"ce_specversion", "1.0"},
                       {"ce_id", event.event_id.to_string()},
                       {"ce_type", std::string(event_type_transaction_created)},
                       {"ce_source", "ledgerline/lanes/" + std::to_string(event.lane)},
                       {"ce_time", format_rfc3339(event.occurred_at)},
                       {"content-type", "application/json"},
                       {"lane", std::to_string(event.lane)},
                       {"seq", std::to_string(event.seq)}};
    if (!event.traceparent.empty()) message.headers.emplace_back("traceparent", event.traceparent);
    if (event.tenant_name) message.headers.emplace_back("ce_tenant", *event.tenant_name);
    return message;
}

Result<Announcement> decode(const Message& message) {
    Announcement announcement;
    const std::string* lane_text = message.header("lane");
    const std::string* seq_text = message.header("seq");
    const auto lane = lane_text ? parse_count(*lane_text) : std::nullopt;
    const auto seq = seq_text ? parse_count(*seq_text) : std::nullopt;
    if (!lane || *lane > INT32_MAX) return undecodable("header lane is missing or not a number");
    if (!seq || *seq < 1) return undecodable("header seq is missing or not a positive number");
    announcement.lane = static_cast<int>(*lane);
    announcement.seq = *seq;

    const std::string* id_text = message.header("ce_id");
    const auto event_id = id_text ? Uuid::parse(*id_text) : std::nullopt;
    if (!event_id) return undecodable("header ce_id is missing or not a UUID");
    announcement.event_id = *event_id;
    if (const std::string* time = message.header("ce_time"))
        announcement.occurred_at = parse_rfc3339(*time).value_or(WallTime{});
    if (const std::string* traceparent = message.header("traceparent")) announcement.traceparent = *traceparent;
    return announcement;
}

}  // namespace ledgerline
