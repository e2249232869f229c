// The request to post a transaction: the JSON of one, checked against every rule that needs no database.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "api/problem_code.h"
#include "base/json.h"
#include "http/message.h"
#include "intake/intake_store.h"

namespace ledgerline::api {

// The body as JSON. The edge has already checked its media type.
std::expected<json::Value, http::Problem> parse_body(const http::Request& request);

// The problem when parsing JSON failed with error.
http::Problem not_json(const Error& error);

// path: the location of value, "" for the body itself. header_key: the Idempotency-Key header. The caller fills in the
// ids and the traceparent.
std::expected<intake::IntakeItem, http::Problem> parse_transaction(const json::Value& value, std::string path,
                                                                   const std::optional<std::string>& header_key);

// The items of {"transactions": [...]}, each on its own merits. At most one of them is held as JSON at any time.
using BatchItems = std::vector<std::expected<intake::IntakeItem, http::Problem>>;
inline constexpr std::size_t batch_items_max = 1000;
using ParsedBatch = std::expected<BatchItems, http::Problem>;
ParsedBatch parse_batch(std::string_view body);

}  // namespace ledgerline::api
