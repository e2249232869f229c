#include "api/transaction_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "api/fields.h"
#include "api/header_fields.h"
#include "base/json_items.h"
#include "base/limits.h"
#include "base/money.h"
#include "domain/hold.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kTypes[] = {"DEBIT", "CREDIT"};
constexpr std::size_t kReferenceCharsMax = 64;  // of a transaction

constexpr char kNotBoth[] = "must not be given together with account_id";
constexpr char kOneOfThree[] = "or its reference, or external = true: exactly one of them must be given for this side";

// The key from the header or the body, which must agree if both are given.
std::string read_key(Fields& fields, const std::optional<std::string>& header_key) {
    const auto body_key = fields.text("idempotency_key", idempotency_key_chars_max);
    if (body_key && header_key && *body_key != *header_key)
        fields.complain(ProblemCode::idempotency_key_mismatch, "idempotency_key",
                        "differs from the Idempotency-Key header");
    if (!fields.has("idempotency_key") && !header_key)
        fields.complain(ProblemCode::missing_idempotency_key, "idempotency_key",
                        "is required here or in the Idempotency-Key header");
    std::string key = body_key.value_or(header_key.value_or(""));
    if (is_expiry_key(key))
        fields.complain(ProblemCode::invalid_idempotency_key, "idempotency_key",
                        "must not be expire: and an id, as the keys of expiring holds are");
    return key;
}

http::Problem sides_must_differ(std::string field) {
    return problem(ProblemCode::invalid_field, fmt::format("{} must differ from the other side of its leg.", field),
                   field);
}

// The members that name one side of a leg.
struct SideFields {
    const char* account_id;
    const char* reference;
    const char* external;
    bool payer;
};
constexpr SideFields kFrom{"from_account_id", "from_reference", "from_external", true};
constexpr SideFields kTo{"to_account_id", "to_reference", "to_external", false};

// One side of a leg: an account by its id or its reference, or the outside world.
std::optional<Uuid> read_side(Fields& fields, const SideFields& side, std::size_t leg,
                              std::vector<TransactionRequest::Name>& names) {
    const auto id = fields.uuid(side.account_id);
    auto reference = fields.text(side.reference, account_reference_chars_max);
    const bool external = fields.truth(side.external).value_or(false);
    const int told = (fields.has(side.account_id) ? 1 : 0) + (fields.has(side.reference) ? 1 : 0) + (external ? 1 : 0);
    if (told > 1) fields.complain(ProblemCode::invalid_field, side.account_id, kOneOfThree);
    if (told < 1) fields.complain(ProblemCode::missing_field, side.account_id, kOneOfThree);
    if (!reference) return external ? std::nullopt : std::optional(id.value_or(Uuid{}));
    names.push_back({*std::move(reference), fields.path_of(side.reference), leg, side.payer});
    return Uuid{};  // until it is resolved
}

Leg read_leg(Fields& fields, std::size_t nth, std::vector<TransactionRequest::Name>& names) {
    const std::size_t named_before = names.size();
    for (const char* name : {"amount_cents", "currency"}) fields.require(name);
    Leg leg;
    leg.from = read_side(fields, kFrom, nth, names);
    leg.to = read_side(fields, kTo, nth, names);
    leg.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    leg.currency = fields.currency("currency").value_or("");
    if (!leg.from && !leg.to)
        fields.complain(ProblemCode::invalid_field, "to_external", "must not be true on both sides of a leg");
    else if (leg.from == leg.to && names.size() == named_before && leg.from != Uuid{})
        fields.complain(ProblemCode::invalid_field, "to_account_id", "must differ from the other side of its leg");
    fields.close();
    return leg;
}

// Refuses the last item if it cannot follow the one before it.
void link(BatchItems& items) {
    const auto follows = [](const auto& item) { return item && item->after_previous; };
    if (!follows(items.back())) return;
    const std::string field = member_path(items.back()->path, "after_previous");
    const auto followers = std::ranges::distance(items | std::views::reverse | std::views::take_while(follows));
    if (items.size() == 1)
        items.back() = std::unexpected(
            problem(ProblemCode::invalid_field, fmt::format("{} must not be true for the first item.", field), field));
    else if (static_cast<std::size_t>(followers) == chain_items_max)
        items.back() = std::unexpected(problem(
            ProblemCode::invalid_field,
            fmt::format("{} must not be true for more than {} items in a row.", field, chain_items_max - 1), field));
    else if (!items[items.size() - 2])
        items.back() = std::unexpected(previous_refused(*items.back()));
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

http::Problem previous_refused(const TransactionRequest& request) {
    return problem(ProblemCode::previous_failed, "The item before it was not accepted.",
                   member_path(request.path, "after_previous"));
}

void read_common(Fields& fields, const std::optional<std::string>& header_key, intake::IntakeItem& item) {
    item.idempotency_key = read_key(fields, header_key);
    item.reference = fields.text("reference", kReferenceCharsMax);
    item.metadata = fields.object("metadata");
}

void read_payment(Fields& fields, const std::optional<std::string>& header_key, TransactionRequest& request) {
    read_common(fields, header_key, request.item);
    request.item.dated = fields.time("occurred_at");
    if (!request.path.empty()) request.after_previous = fields.truth("after_previous").value_or(false);
}

std::expected<json::Value, http::Problem> parse_body(const http::Request& request) {
    auto body = json::parse(request.body);
    if (!body) return std::unexpected(not_json(body.error()));
    return std::move(*body);
}

http::Problem not_json(const Error& error) {
    return problem(ProblemCode::invalid_json, fmt::format("The body is not valid JSON: {}.", error.message));
}

std::expected<TransactionRequest, http::Problem> parse_transaction(const json::Value& value, std::string path,
                                                                   const std::optional<std::string>& header_key) {
    TransactionRequest request{.item = {}, .names = {}, .path = path};
    Fields fields(value, std::move(path));
    const auto id = fields.uuid("account_id");
    auto reference = fields.text("account_reference", account_reference_chars_max);
    if (id && reference) fields.complain(ProblemCode::invalid_field, "account_reference", kNotBoth);
    if (!fields.has("account_reference")) fields.require("account_id");
    for (const char* name : {"amount_cents", "currency", "type"}) fields.require(name);
    intake::IntakeItem& item = request.item;
    item.account_id = id.value_or(Uuid{});
    if (reference) request.names.push_back({*std::move(reference), fields.path_of("account_reference")});
    item.amount_cents = fields.integer("amount_cents", 1, amount_cents_max).value_or(0);
    item.currency = fields.currency("currency").value_or("");
    item.type = parse_transaction_type(fields.choice("type", kTypes).value_or("")).value_or(TransactionType::credit);
    read_payment(fields, header_key, request);
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    return request;
}

std::expected<TransactionRequest, http::Problem> parse_transfer(const json::Value& value, std::string path,
                                                                const std::optional<std::string>& header_key) {
    TransactionRequest request{.item = {}, .names = {}, .path = path};
    Fields fields(value, std::move(path));
    fields.require("legs");
    const json::Array& parts = fields.array("legs", 1, legs_max);
    read_payment(fields, header_key, request);
    std::vector<Leg> legs;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        Fields leg(parts[i], fields.path_of(fmt::format("legs[{}]", i)), fields);
        legs.push_back(read_leg(leg, i, request.names));
    }
    if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
    set_legs(request.item, std::move(legs));
    return request;
}

std::optional<http::Problem> TransactionRequest::resolve(const std::map<std::string, Uuid, std::less<>>& ids) {
    if (names.empty()) return std::nullopt;
    std::vector<Leg> legs = item.legs;
    for (const Name& name : names) {
        const auto id = ids.find(name.reference);
        if (id == ids.end())
            return problem(ProblemCode::account_not_found, "There is no account with this reference.", name.field);
        if (hold) {
            (name.payer ? item.account_id : hold->to.emplace()) = id->second;
            continue;
        }
        if (legs.empty()) {
            item.account_id = id->second;
            return std::nullopt;
        }
        Leg& leg = legs[name.leg];
        (name.payer ? leg.from : leg.to) = id->second;
        if (leg.from == leg.to) return sides_must_differ(name.field);
    }
    if (hold) return set_terms();
    set_legs(item, std::move(legs));
    return std::nullopt;
}

std::optional<http::Problem> TransactionRequest::set_terms() {
    if (hold->to == item.account_id) return sides_must_differ(field_of(item.account_id));
    const bool capture = item.type == TransactionType::capture;
    if (capture) set_legs(item, {{item.account_id, hold->to, item.amount_cents, item.currency}});
    json::Object terms;
    if (capture) terms.emplace_back("final", hold->final);
    if (hold->expires_in_s) terms.emplace_back("expires_in_s", *hold->expires_in_s);
    if (hold->expires_at)
        terms.emplace_back("expires_at", static_cast<std::int64_t>(hold->expires_at->time_since_epoch().count()));
    if (hold->to && !capture) terms.emplace_back("to_account_id", hold->to->to_string());
    if (item.type != TransactionType::release) item.terms = json::serialize(json::Value(std::move(terms)));
    return std::nullopt;
}

std::string TransactionRequest::field_of(const Uuid& account_id) const {
    if (item.type == TransactionType::reversal) return path;  // it names no accounts
    const auto named = [&](std::size_t leg, bool payer) {
        return std::ranges::any_of(names, [&](const Name& name) { return name.leg == leg && name.payer == payer; });
    };
    if (hold) {
        const bool payee = account_id == hold->to;
        const bool by_name = std::ranges::any_of(names, [&](const Name& name) { return name.payer != payee; });
        return member_path(path, payee     ? by_name ? "to_reference" : "to_account_id"
                                 : by_name ? "account_reference"
                                           : "account_id");
    }
    if (item.legs.empty() && item.account_id == account_id)
        return member_path(path, names.empty() ? "account_id" : "account_reference");
    for (std::size_t i = 0; i < item.legs.size(); ++i)
        for (const bool payer : {true, false})
            if ((payer ? item.legs[i].from : item.legs[i].to) == account_id)
                return member_path(path, fmt::format("legs[{}].{}_{}", i, payer ? "from" : "to",
                                                     named(i, payer) ? "reference" : "account_id"));
    return member_path(path, item.follows ? "after_previous" : "legs");
}

std::string TransactionRequest::currency_field_of(const Uuid& account_id) const {
    for (std::size_t i = 0; i < item.legs.size(); ++i)
        if (item.legs[i].from == account_id || item.legs[i].to == account_id)
            return member_path(path, fmt::format("legs[{}].currency", i));
    return member_path(path, "currency");
}

ParsedBatch parse_batch(std::string_view body) {
    BatchItems items;
    bool too_many = false;
    std::size_t errors_left = batch_errors_max;
    const auto take = [&](const json::Item& item) {
        too_many = items.size() == batch_items_max;
        if (too_many) return false;
        std::string path = fmt::format("transactions[{}]", items.size());
        if (item.fault != json::Item::Fault::none)
            items.emplace_back(std::unexpected(fault_of(item, path)));
        else
            items.push_back(item.value.find("legs") ? parse_transfer(item.value, std::move(path), std::nullopt)
                                                    : parse_transaction(item.value, std::move(path), std::nullopt));
        link(items);
        if (!items.back() && errors_left > 0)
            --errors_left;
        else if (!items.back())
            items.back().error().extensions.clear();
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
