// Event: what is accepted, published and applied; and the message that announces it on the bus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/uuid.h"

namespace ledgerline {

enum class TransactionType { debit, credit, transfer, hold, capture, release, reversal };
std::string_view name_of(TransactionType type);  // in capitals: "DEBIT"
std::optional<TransactionType> parse_transaction_type(std::string_view name);

// The versions of an event's meaning that this binary writes and can apply: 2 is 1 with legs, and that of transfers
// only; 3 is that of holds, captures and releases; 4 that of reversals, of what follows another transaction, and of
// what has a date of its own. So a reader of 1 reads everything else.
inline constexpr int event_schema_version = 1;
inline constexpr int event_schema_version_with_legs = 2;
inline constexpr int event_schema_version_of_holds = 3;
inline constexpr int event_schema_version_of_chains = 4;
inline constexpr int event_schema_version_max = event_schema_version_of_chains;
constexpr bool is_known_schema_version(int schema_version) {
    return schema_version >= event_schema_version && schema_version <= event_schema_version_max;
}
inline constexpr std::string_view event_type_transaction_created = "transaction.created";

// One place of an event, as the database holds it: a transaction has an event with a place in the lane of each account
// that it touches.
struct Event {
    Uuid event_id;
    int lane = 0;
    std::int64_t seq = 0;  // 1, 2, 3, ... within the lane
    int schema_version = event_schema_version;
    WallTime occurred_at;
    std::string traceparent;  // empty when unknown

    Uuid transaction_id;
    Uuid account_id;                // of the place
    std::int64_t net_cents = 0;     // the transaction's effect on account_id
    int places = 1;                 // how many the event has
    bool is_first = true;           // the place of the first account that the transaction names
    std::int64_t amount_cents = 0;  // the sum of the legs
    std::string currency;           // of the first leg
    TransactionType type = TransactionType::credit;
    std::string idempotency_key;
    std::optional<std::string> legs{};         // of a transfer, capture or reversal: JSON text of an array
    std::optional<std::string> reference{};    // the caller's own name for the transaction; at the first place only
    std::optional<std::string> metadata{};     // JSON text of an object; at the first place only
    std::optional<Uuid> parent_id{};           // of a capture or release: the hold; of a reversal: what it reverses
    std::optional<Uuid> previous_id{};         // the transaction that it follows: it fails unless that was processed
    std::optional<WallTime> dated{};           // the caller's own time of it; says nothing about the order
    std::optional<std::string> tenant_name{};  // whose the place's account is; nothing for the default tenant

    bool operator==(const Event&) const = default;
};

using Header = std::pair<std::string, std::string>;

// What the bus carries. Headers keep their order; names may repeat.
struct Message {
    std::string key;    // the id of the place's account, by which other tools partition and group
    std::string value;  // JSON text if the message is ours
    std::vector<Header> headers;

    // The first header with that name; null when there is none.
    const std::string* header(std::string_view name) const;
};

// The most an event may weigh as stored, and its message on a bus (see wire_bytes_max), in bytes: what brokers, topics
// and clients must accept.
inline constexpr std::size_t event_stored_bytes_max = std::size_t{64} << 10;
inline constexpr std::size_t event_wire_bytes_max = event_stored_bytes_max + (std::size_t{4} << 10);

// The most that the message weighs on a bus: key, value and headers with their framing, in bytes.
std::size_t wire_bytes_max(const Message& message);

// The message that announces the event at one of its places. Headers: CloudEvents binary mode (ce_specversion 1.0),
// traceparent, lane, seq. All places of an event have the same ce_id; ce_source names the lane, since source and id
// together must be unique.
Message encode(const Event& event);

// What a message claims in its headers lane, seq and ce_id. None of it is trusted: the worker proves the three against
// the database and takes everything else from there. ce_time only tells it which events to try first. The value is for
// other consumers and is never read: neither its contents nor whether it can be read matters.
struct Announcement {
    int lane = 0;
    std::int64_t seq = 0;
    Uuid event_id;
    WallTime occurred_at{};  // the epoch when the header says nothing that can be read
    std::string traceparent;
};

// Error code "undecodable": the error's message names what is missing or malformed.
Result<Announcement> decode(const Message& message);

}  // namespace ledgerline
