#include "api/transaction_request.h"

#include <fmt/format.h>

#include <utility>

#include "api/fields.h"
#include "api/header_fields.h"
#include "base/money.h"

namespace ledgerline {
namespace {

constexpr std::string_view kTypes[] = {"DEBIT", "CREDIT"};

// The key of the header or of the body, which must agree where both are given.
std::string read_key(Fields& fields, const std::optional<std::string>& header_key) {
    const auto body_key = fields.text("idempotency_key", idempotency_key_chars_max);
    if (body_key && header_key && *body_key != *header_key)
        fields.complain(ProblemCode::idempotency_key_mismatch, "idempotency_key",
                        "differs from the Idempotency-Key header");
    if (!body_key && !header_key)
        fields.complain(ProblemCode::missing_idempotency_key, "idempotency_key",
                        "is required, here or as the Idempotency-Key header");
    return body_key.value_or(header_key.value_or(""));
}

}  // namespace

std::expected<json::Value, http::Problem> parse_body(const http::Request& request) {
    auto body = json::parse(request.body);
    if (!body)
        return std::unexpected(
            problem(ProblemCode::invalid_json, fmt::format("The body is not valid JSON: {}.", body.error().message)));
    return std::move(*body);
}

std::expected<IntakeItem, http::Problem> parse_transaction(const json::Value& value, std::string path,
                                                           const std::optional<std::string>& header_key) {
    Fields fields(value, std::move(path));
    for (const char* name : {"account_id", "amount_cents", "currency", "type"}) fields.require(name);
    IntakeItem item;
    item.account_id = fields.uuid("account_id").value_or(Uuid{});
    item.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    item.currency = fields.currency("currency").value_or("");
    item.type = parse_transaction_type(fields.choice("type", kTypes).value_or("")).value_or(TransactionType::credit);
    item.idempotency_key = read_key(fields, header_key);
    item.metadata = fields.object("metadata");
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return item;
}

std::expected<BatchItems, http::Problem> parse_batch(const json::Value& body) {
    Fields fields(body, "");
    fields.require("transactions");
    const json::Array& values = fields.array("transactions", 1, batch_items_max);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    BatchItems items;
    items.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        items.push_back(parse_transaction(values[i], fmt::format("transactions[{}]", i), std::nullopt));
    return items;
}

}  // namespace ledgerline
