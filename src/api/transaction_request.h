// The request to post a transaction or a transfer: the JSON of one, checked against every rule that needs no database.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/problem_code.h"
#include "base/json.h"
#include "http/message.h"
#include "intake/intake_store.h"

namespace ledgerline::api {

// The body as JSON. The edge has already checked its media type.
std::expected<json::Value, http::Problem> parse_body(const http::Request& request);

// The problem when parsing JSON failed with error.
http::Problem not_json(const Error& error);

// One transaction to be accepted. It can be taken in once its names are resolved; the caller fills in the ids and the
// traceparent.
struct TransactionRequest {
    // An account that the request names by its reference.
    struct Name {
        std::string reference;
        std::string field;  // where: "legs[0].to_reference"
        std::size_t leg = 0;
        bool payer = false;  // of the leg
    };

    // What a hold, capture or release says beside its item. The account of a capture or release is that of its hold.
    struct HoldTerms {
        std::optional<Uuid> to;  // nothing: the outside world
        std::optional<std::int64_t> expires_in_s;
        std::optional<WallTime> expires_at;
        bool final = true;
    };

    intake::IntakeItem item;
    std::vector<Name> names{};
    std::string path{};  // its location in the body, "" for the body itself
    std::optional<HoldTerms> hold{};
    bool after_previous = false;  // of a batch: it follows the item before it

    // Replaces the names by the ids of their accounts. Returns the problem with the first one that no account has, or
    // that makes a leg whose sides are one account.
    std::optional<http::Problem> resolve(const std::map<std::string, Uuid, std::less<>>& ids);

    // Completes the item of a hold, capture or release once its accounts are known. Repeatable.
    std::optional<http::Problem> set_terms();

    // Where the request names that account, or the currency for it: "legs[2].from_account_id", "account_reference".
    std::string field_of(const Uuid& account_id) const;
    std::string currency_field_of(const Uuid& account_id) const;
};

// Why a follower is not accepted when the item before it is not.
http::Problem previous_refused(const TransactionRequest& request);

// Why intake did not accept the request. result: neither created nor replayed.
http::Problem refusal(const intake::IntakeResult& result, const TransactionRequest& request);

class Fields;
// What all of them have in common: key, reference, metadata. And what payments and transfers have besides: occurred_at,
// and in a batch after_previous.
void read_common(Fields& fields, const std::optional<std::string>& header_key, intake::IntakeItem& item);
void read_payment(Fields& fields, const std::optional<std::string>& header_key, TransactionRequest& request);

// path: the location of value, "" for the body itself. header_key: the
// Idempotency-Key header.
std::expected<TransactionRequest, http::Problem> parse_transaction(const json::Value& value, std::string path,
                                                                   const std::optional<std::string>& header_key);
std::expected<TransactionRequest, http::Problem> parse_transfer(const json::Value& value, std::string path,
                                                                const std::optional<std::string>& header_key);

// The items of {"transactions": [...]}, each on its own merits: a member `legs` makes one a transfer. At most one of
// them is held as JSON at any time.
using BatchItems = std::vector<std::expected<TransactionRequest, http::Problem>>;
inline constexpr std::size_t batch_items_max = 1000;
// So many items list all their errors; those after them tell the first one. It bounds what a batch of nonsense is
// answered.
inline constexpr std::size_t batch_errors_max = 50;
inline constexpr std::size_t chain_items_max = 100;  // each but the first follows the one before
using ParsedBatch = std::expected<BatchItems, http::Problem>;
ParsedBatch parse_batch(std::string_view body);

}  // namespace ledgerline::api
