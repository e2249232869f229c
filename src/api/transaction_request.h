// What a client asks for when it posts a transaction: the JSON of one, checked against every rule that needs no
// database.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "api/problem_code.h"
#include "base/json.h"
#include "http/message.h"
#include "intake/intake_store.h"

namespace ledgerline::api {

// The body as JSON. The edge has seen to it that it is declared as such.
std::expected<json::Value, http::Problem> parse_body(const http::Request& request);

// Why json does not parse.
http::Problem not_json(const Error& error);

// path: where value stands, "" for the body itself. header_key: the Idempotency-Key header. The ids and the traceparent
// are left for the caller to fill in.
std::expected<intake::IntakeItem, http::Problem> parse_transaction(const json::Value& value, std::string path,
                                                                   const std::optional<std::string>& header_key);

// The items of {"transactions": [...]}, each on its own merits. At no time is more than one of them held as JSON.
using BatchItems = std::vector<std::expected<intake::IntakeItem, http::Problem>>;
inline constexpr std::size_t batch_items_max = 1000;
std::expected<BatchItems, http::Problem> parse_batch(std::string_view body);

}  // namespace ledgerline::api
