#include "api/transaction_endpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unordered_map>
#include <utility>

#include "api/fields.h"
#include "api/header_fields.h"
#include "api/key_limits.h"
#include "api/responses.h"
#include "api/transaction_trace.h"
#include "http/server/room.h"
#include "sql/queries.h"

namespace ledgerline::api {
namespace {

// The smallest part of a body that one item can take: {"account_id":"<36 characters>",...}.
constexpr std::size_t kItemBytesMin = 64;

// The transaction as intake has just stored it. Anything that has happened since need not be reported.
TransactionRecord new_transaction(intake::IntakeItem item, const intake::IntakeResult& result) {
    TransactionRecord record;
    record.id = item.transaction_id;
    record.account_id = item.account_id;
    record.amount_cents = item.amount_cents;
    record.currency = std::move(item.currency);
    record.type = name_of(item.type);
    record.status = "PENDING";
    record.idempotency_key = std::move(item.idempotency_key);
    if (!item.legs.empty()) record.legs = legs_json(item.legs);
    record.reference = std::move(item.reference);
    record.metadata = std::move(item.metadata);
    (item.type == TransactionType::reversal ? record.reverses : record.hold_id) = item.parent_id;
    record.previous_id = result.previous_id;
    record.occurred_at = item.dated;
    record.lane = result.lane;
    record.seq = result.seq;
    record.created_at = record.updated_at = result.created_at;
    return record;
}

void describe(Span& span, const BatchItems& items, const intake::IntakeAnswers& answers) {
    if (!span.recording()) return;
    std::int64_t created = 0, replayed = 0;
    for (const Result<intake::IntakeResult>& answer : answers) {
        created += answer && answer->status == intake::IntakeResult::Status::created;
        replayed += answer && answer->status == intake::IntakeResult::Status::replayed;
    }
    span.set("ledgerline.intake.rows", answers.size());
    span.set("ledgerline.intake.created", created).set("ledgerline.intake.replayed", replayed);
    if (answers.empty()) return;
    if (items.size() == 1 && answers[0] && answers[0]->transaction_id != Uuid{}) {
        span.set("ledgerline.transaction.id", answers[0]->transaction_id);
        span.set("ledgerline.account.id", items[0]->item.account_id);
    }
    if (!answers[0]) return span.fail(answers[0].error());
    if (answers[0]->status == intake::IntakeResult::Status::created) span.link(answers[0]->batch);
}

// Reserves memory for what is made of a body, its rows and its answer, before anything is made: once rows are accepted,
// it is too late to find that there is none.
boost::asio::awaitable<bool> take_room_for_items(http::Request& request, std::size_t items_max) {
    const std::size_t item = answer_item_bytes + (wants_strict_outcome(request) ? answer_problem_bytes : 0);
    const std::size_t body = request.body.size(), items = items_max * item;
    co_return co_await http::take_room(request.memory, request.memory.bytes() + body + items) &&
        co_await http::take_room(request.answer_memory, body + items);
}

}  // namespace

void TransactionEndpoints::add_routes(http::Router& router) {
    using http::Request;
    router.add({.method = "POST",
                .pattern = "/v1/transactions",
                .name = "create_transaction",
                .handler = [this](Request& request) { return post(request, parse_transaction); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::transactions_write,
                .is_payment = true});
    router.add({.method = "POST",
                .pattern = "/v1/transfers",
                .name = "create_transfer",
                .handler = [this](Request& request) { return post(request, parse_transfer); },
                .body_bytes_max = body_bytes_max,
                .scope = http::Scope::transactions_write,
                .is_payment = true});
    router.add({.method = "POST",
                .pattern = "/v1/transactions/batch",
                .name = "create_transactions",
                .handler = [this](Request& request) { return post_batch(request); },
                .body_bytes_max = batch_body_bytes_max,
                .scope = http::Scope::transactions_write,
                .is_payment = true});
    router.add({.method = "GET",
                .pattern = "/v1/transactions",
                .name = "list_transactions",
                .handler = [this](Request& request) { return list(request); },
                .scope = http::Scope::transactions_read});
    router.add({.method = "GET",
                .pattern = "/v1/transactions/{id}",
                .name = "get_transaction",
                .handler = [this](const Request& request) { return get(request); },
                .scope = http::Scope::transactions_read});
    router.add({.method = "GET",
                .pattern = "/v1/transactions/{id}/trace",
                .name = "trace_transaction",
                .handler = [this](Request& request) { return trace(request); },
                .scope = http::Scope::transactions_read});
    add_reversal_routes(router);
    add_hold_routes(router);
}

// Binds a follower to the item before it, which is the last of those that will be accepted, or refuses it.
void TransactionEndpoints::follow_previous(BatchItems::value_type& follower, const BatchItems::value_type& previous,
                                           std::span<const intake::IntakeItem> well_formed) {
    if (previous)
        intake::follow(follower->item, well_formed.back());
    else
        follower = std::unexpected(previous_refused(*follower));
}

// Gives the well-formed items their ids and has them accepted. Publishing and applying continue below the span that
// this records.
boost::asio::awaitable<intake::IntakeAnswers> TransactionEndpoints::take_in(const http::Request& request,
                                                                            BatchItems& items) {
    Span span = tracer_.start_below(request.trace, SpanKind::internal, "intake");
    const std::string traceparent = span.context().to_string();
    std::vector<intake::IntakeItem> well_formed;
    for (auto each = items.begin(); each != items.end(); ++each) {
        if (*each && (*each)->after_previous) follow_previous(*each, *std::prev(each), well_formed);
        if (!*each) continue;
        (*each)->item.transaction_id = ids_.next();
        (*each)->item.event_id = ids_.next();
        (*each)->item.traceparent = traceparent;
        (*each)->item.tenant = request.tenant;
        if (request.tenant != default_tenant) (*each)->item.tenant_name = request.tenant_name();
        (*each)->item.pays_other_tenants = request.may_cross_tenants();
        well_formed.push_back(std::move((*each)->item));
    }
    intake::IntakeReply reply = co_await intake_.accept(std::move(well_formed));
    auto back = reply.items.begin();
    for (auto& each : items)
        if (each) each->item = std::move(*back++);
    describe(span, items, reply.answers);
    co_return std::move(reply.answers);
}

boost::asio::awaitable<TransactionEndpoints::Outcomes> TransactionEndpoints::accept(const http::Request& request,
                                                                                    BatchItems items) {
    co_await resolve_names(request, items);
    refuse_beyond_limits(request, items);
    const intake::IntakeAnswers answers = co_await take_in(request, items);

    Outcomes outcomes;
    outcomes.strict = wants_strict_outcome(request);
    outcomes.items.reserve(items.size());
    auto answer = answers.begin();
    for (auto& item : items) {
        if (!item) {
            outcomes.items.push_back(std::unexpected(std::move(item).error()));
            continue;
        }
        const Result<intake::IntakeResult>& result = *answer++;
        if (!result) {
            outcomes.items.push_back(std::unexpected(problem_of(result.error())));
        } else if (result->status == intake::IntakeResult::Status::created) {
            outcomes.items.push_back(Accepted{new_transaction(std::move(item->item), *result), false});
        } else if (result->status == intake::IntakeResult::Status::replayed) {
            Accepted& replayed = outcomes.items.emplace_back().value();
            replayed.transaction.id = result->transaction_id;
            replayed.transaction.metadata = std::move(item->item.metadata);
            replayed.replayed = true;
        } else {
            outcomes.items.push_back(std::unexpected(refusal(*result, *item)));
        }
    }
    co_await load_replayed(request, outcomes.items);
    if (const auto wait = read_wait(request)) {
        // Beyond the tenant's limit a payment is answered at once, as it is.
        const auto seat = http::take_wait_seat(keys_.use_of(request.tenant));
        if (seat && co_await wait_for(outcomes.items, *wait)) outcomes.waited = *wait;
    }
    co_return outcomes;
}

// Waits until all accepted transactions are settled, at most for `wait`. False when the wait was refused.
boost::asio::awaitable<bool> TransactionEndpoints::wait_for(std::vector<Outcome>& outcomes, std::chrono::seconds wait) {
    std::vector<TransactionRecord> records;
    std::vector<std::optional<std::string>> metadata;
    for (Outcome& outcome : outcomes) {
        if (!outcome) continue;
        metadata.push_back(std::exchange(outcome->transaction.metadata, std::nullopt));
        records.push_back(std::move(outcome->transaction));
    }
    auto settled = co_await watcher_.settle(std::move(records), clock_.steady_now() + wait);
    auto next = settled.records.begin();
    auto kept = metadata.begin();
    for (Outcome& outcome : outcomes) {
        if (!outcome) continue;
        outcome->transaction = std::move(*next++);
        outcome->transaction.metadata = std::move(*kept++);
    }
    co_return settled.waited;
}

// The item of a single post. The body and its tree are freed when it returns.
boost::asio::awaitable<std::expected<BatchItems, http::Response>> TransactionEndpoints::take_item(
    http::Request& request, Parser parse) {
    const auto key = read_idempotency_key(request);
    if (!key) co_return std::unexpected(http::to_response(key.error()));
    if (!co_await take_room_for_items(request, 1)) co_return std::unexpected(http::no_room());
    const auto body = parse_body(request);
    request.drop_body();
    if (!body) co_return std::unexpected(http::to_response(body.error()));
    BatchItems items;
    items.push_back(parse(*body, "", *key));
    if (!items[0]) co_return std::unexpected(http::to_response(items[0].error()));
    if (auto refused = over_rate(request, items, keys_.use_of(request.tenant)))
        co_return std::unexpected(*std::move(refused));
    co_return items;
}

TransactionEndpoints::Answer TransactionEndpoints::post(http::Request& request, Parser parse) {
    Parameters parameters(request, dry_run_parameters);
    const bool dry = parameters.truth("dry_run");
    if (auto wrong = parameters.problem()) co_return http::to_response(*wrong);
    auto items = co_await take_item(request, parse);
    if (!items) co_return std::move(items).error();
    if (dry) {
        co_await resolve_names(request, *items);
        co_return co_await dry_run(request, *std::move(items));
    }
    co_return co_await answer(request, *std::move(items));
}

// Has one transaction accepted and tells what became of it.
TransactionEndpoints::Answer TransactionEndpoints::answer(const http::Request& request, BatchItems items) {
    const auto outcomes = co_await accept(request, std::move(items));
    co_return answer_to_post(outcomes);
}

void TransactionEndpoints::stop() {
    parser_.stop();
    parser_.join();
}

boost::asio::awaitable<ParsedBatch> TransactionEndpoints::parse(std::string_view body) {
    if (body.size() <= limits::small_request_bytes_max) co_return parse_batch(body);
    co_return co_await boost::asio::co_spawn(
        parser_,
        [](std::string_view text) -> boost::asio::awaitable<ParsedBatch> { co_return parse_batch(text); }(body),
        boost::asio::use_awaitable);
}

TransactionEndpoints::Answer TransactionEndpoints::post_batch(http::Request& request) {
    if (auto wrong = check_parameters(request, {})) co_return http::to_response(*wrong);
    const std::size_t items_max = std::min(batch_items_max, request.body.size() / kItemBytesMin + 1);
    if (!co_await take_room_for_items(request, items_max)) co_return http::no_room();
    auto items = co_await parse(request.body);
    request.drop_body();
    if (!items) co_return http::to_response(items.error());
    if (auto refused = over_rate(request, *items, keys_.use_of(request.tenant))) co_return *std::move(refused);
    auto outcomes = co_await accept(request, std::move(*items));
    co_return answer_to_batch(std::move(outcomes));
}

}  // namespace ledgerline::api
