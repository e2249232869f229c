#include "api/transaction_request.h"

#include <fmt/format.h>

#include <utility>

#include "api/fields.h"
#include "api/header_fields.h"
#include "base/json_items.h"
#include "base/limits.h"
#include "base/money.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kTypes[] = {"DEBIT", "CREDIT"};

// The key from the header or the body, which must agree if both are given.
std::string read_key(Fields& fields, const std::optional<std::string>& header_key) {
    const auto body_key = fields.text("idempotency_key", idempotency_key_chars_max);
    if (body_key && header_key && *body_key != *header_key)
        fields.complain(ProblemCode::idempotency_key_mismatch, "idempotency_key",
                        "differs from the Idempotency-Key header");
    if (!body_key && !header_key)
        fields.complain(ProblemCode::missing_idempotency_key, "idempotency_key",
                        "is required here or in the Idempotency-Key header");
    return body_key.value_or(header_key.value_or(""));
}

http::Problem too_many_items() {
    return problem(ProblemCode::invalid_field,
                   fmt::format("transactions must be an array of 1 to {} items.", batch_items_max), "transactions");
}

http::Problem fault_of(const json::Item& item, const std::string& path) {
    std::string field = http::echo(item.fault_in.empty() ? path : fmt::format("{}.{}", path, item.fault_in));
    std::string detail =
        item.fault == json::Item::Fault::too_deep
            ? fmt::format("{} must not be nested deeper than {} levels.", field, json::depth_max)
            : fmt::format("{} makes this item hold more than {} JSON values.", field, limits::batch_item_values_max);
    return problem(ProblemCode::invalid_field, std::move(detail), std::move(field));
}

}  // namespace

std::expected<json::Value, http::Problem> parse_body(const http::Request& request) {
    auto body = json::parse(request.body);
    if (!body) return std::unexpected(not_json(body.error()));
    return std::move(*body);
}

http::Problem not_json(const Error& error) {
    return problem(ProblemCode::invalid_json, fmt::format("The body is not valid JSON: {}.", error.message));
}

std::expected<intake::IntakeItem, http::Problem> parse_transaction(const json::Value& value, std::string path,
                                                                   const std::optional<std::string>& header_key) {
    Fields fields(value, std::move(path));
    for (const char* name : {"account_id", "amount_cents", "currency", "type"}) fields.require(name);
    intake::IntakeItem item;
    item.account_id = fields.uuid("account_id").value_or(Uuid{});
    item.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    item.currency = fields.currency("currency").value_or("");
    item.type = parse_transaction_type(fields.choice("type", kTypes).value_or("")).value_or(TransactionType::credit);
    item.idempotency_key = read_key(fields, header_key);
    item.metadata = fields.object("metadata");
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return item;
}

ParsedBatch parse_batch(std::string_view body) {
    BatchItems items;
    bool too_many = false;
    const auto take = [&](const json::Item& item) {
        too_many = items.size() == batch_items_max;
        if (too_many) return false;
        std::string path = fmt::format("transactions[{}]", items.size());
        if (item.fault != json::Item::Fault::none)
            items.emplace_back(std::unexpected(fault_of(item, path)));
        else
            items.push_back(parse_transaction(item.value, std::move(path), std::nullopt));
        return true;
    };
    const auto rest = json::parse_items(body, "transactions", limits::batch_item_values_max, take);
    if (too_many) return std::unexpected(too_many_items());
    if (!rest) return std::unexpected(not_json(rest.error()));

    Fields fields(*rest, "");
    fields.require("transactions");
    fields.array("transactions", items.empty() ? 1 : 0, batch_items_max);  // its items have been moved out
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return items;
}

}  // namespace ledgerline::api
